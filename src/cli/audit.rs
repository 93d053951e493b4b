//! `nodens audit COREFILE…`: what a security review says of CoreDNS's own configuration.

use std::fs::File;
use std::io::{IsTerminal as _, Read as _, stdin, stdout};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::print;
use crate::audit::print::{Audited, human, json, sarif};
use crate::audit::rule::Severity;
use crate::audit::{MOST_BYTES, audit as look, manifest, rules};
use crate::corefile::Machine;
use crate::error::{ExitCode, Failure};

/// What the help says below the options.
pub(super) const MORE: &str = "\
A FILE is a Corefile, a Kubernetes ConfigMap in YAML or JSON, a folder of such
files, or - for standard input:

  kubectl -n kube-system get configmap coredns -o yaml | nodens audit -

A comment at the end of a line, or above it, accepts a finding:

  # nodens-audit: ignore NDA053 old clients need these names, until 2027

Exit status: 0 nothing at or above --fail-on, 1 something, 65 a file cannot be
understood, 66 a file cannot be read or holds no Corefile.";

/// What `audit` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Corefiles, ConfigMaps, folders, or - for standard input
    #[arg(required_unless_present = "rules", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to write the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The least severity that fails (exit status 1)
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY")]
    fail_on: FailOn,
    /// Print all rules instead, a line each
    #[arg(long, conflicts_with = "files")]
    rules: bool,
}

/// How to write the report.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// For people; in colour on a terminal, unless NO_COLOR is set
    #[default]
    Human,
    /// One JSON document
    Json,
    /// SARIF 2.1.0, for code scanners
    Sarif,
}

/// The least severity that fails.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum FailOn {
    /// High alone
    #[default]
    High,
    /// Medium and high
    Medium,
    /// Low, medium and high
    Low,
    /// Nothing fails
    Never,
}

impl FailOn {
    /// As a severity.
    fn least(self) -> Option<Severity> {
        match self {
            Self::High => Some(Severity::High),
            Self::Medium => Some(Severity::Medium),
            Self::Low => Some(Severity::Low),
            Self::Never => None,
        }
    }
}

/// Most files of folders.
const MOST_FILES: usize = 1_000;
/// Most entries of folders that are looked at.
const MOST_ENTRIES: usize = 100_000;
/// Deepest folder.
const DEEPEST: usize = 16;

/// Prints the report to standard output. What is worse than it may be is the failure.
pub(super) fn audit(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.rules {
        let line = |rule: &crate::audit::rule::Rule| {
            format!("{}  {:6}  {:29}  {}\n", rule.id, rule.severity.name(), rule.name, rule.title)
        };
        return print(&rules().map(line).collect::<String>());
    }
    let (mut files, mut problems) = (Vec::new(), Problems::default());
    for path in &arguments.files {
        if path.is_dir() {
            folder(path, &mut files, &mut problems);
        } else {
            file(path, false, &mut files, &mut problems);
        }
    }
    if !files.is_empty() {
        // A pipe and NO_COLOR (no-color.org) want none.
        let has_colour = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        print(&match arguments.format {
            Format::Human => human(&files, has_colour),
            Format::Json => json(&files),
            Format::Sarif => sarif(&files),
        })?;
    }
    problems.outcome()?;
    let Some(least) = arguments.fail_on.least() else { return Ok(()) };
    match files.iter().map(|file| file.report.count(least)).sum::<usize>() {
        0 => Ok(()),
        count => {
            let noun = if count == 1 { "finding" } else { "findings" };
            Err(Failure::new(ExitCode::Findings, format!("{count} {noun} of severity {least} or above")))
        }
    }
}

/// Files that cannot be audited.
#[derive(Default)]
struct Problems {
    /// Lines for a person.
    lines: Vec<String>,
    /// The exit code: what cannot be read before what cannot be understood.
    code: Option<ExitCode>,
}

impl Problems {
    /// Notes a problem.
    fn add(&mut self, code: ExitCode, line: String) {
        self.lines.push(line);
        if self.code != Some(ExitCode::NoInput) {
            self.code = Some(code);
        }
    }

    /// The failure, if there are any.
    fn outcome(self) -> Result<(), Failure> {
        self.code.map_or(Ok(()), |code| Err(Failure::new(code, self.lines.join("\n"))))
    }
}

/// Audits all Corefiles in a file. Within a folder a manifest without one is passed over.
fn file(path: &Path, in_folder: bool, files: &mut Vec<Audited>, problems: &mut Problems) {
    let name = if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() };
    let text = match read(path) {
        Ok(text) => text,
        Err((code, why)) => return problems.add(code, format!("{name}: {why}")),
    };
    let parts = match manifest::parts(&name, &text) {
        // Charts hold templates that are no YAML: a folder is not searched for those.
        Err(_) if in_folder => return,
        Err(why) => return problems.add(ExitCode::Data, format!("{name}: {why}")),
        Ok(parts) if parts.is_empty() && !in_folder => {
            let why = "no ConfigMap with a key \"Corefile\" in its data; give the Corefile itself";
            return problems.add(ExitCode::NoInput, format!("{name}: {why}"));
        }
        Ok(parts) => parts,
    };
    for part in parts {
        let origin = match &part.key {
            Some(key) if !part.is_exact => format!("{name}[data.{key}]"),
            _ => name.clone(),
        };
        match look(&part.text, &origin, &Machine) {
            Ok(report) => files.push(Audited { path: name.clone(), origin, is_exact: part.is_exact, report }),
            Err(mistakes) => mistakes.iter().for_each(|mistake| problems.add(ExitCode::Data, mistake.to_string())),
        }
    }
}

/// The text of a file or of standard input.
fn read(path: &Path) -> Result<String, (ExitCode, String)> {
    let mut bytes = Vec::new();
    let limit = MOST_BYTES as u64 + 1;
    let read = if path == Path::new("-") {
        stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|error| (ExitCode::NoInput, format!("it cannot be read: {error}")))?;
    if bytes.len() > MOST_BYTES {
        return Err((ExitCode::Data, format!("it is longer than {MOST_BYTES} bytes; no Corefile is")));
    }
    String::from_utf8(bytes).map_err(|_| (ExitCode::Data, "it is no text in UTF-8".to_owned()))
}

/// Audits what a folder holds, in the order of names, without links to other folders.
fn folder(top: &Path, files: &mut Vec<Audited>, problems: &mut Problems) {
    let (mut waiting, mut seen, mut count) = (vec![(top.to_owned(), 0)], 0, 0);
    while let Some((path, depth)) = waiting.pop() {
        seen += 1;
        let is_hidden = depth > 0 && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let Ok(about) = path.symlink_metadata() else { continue };
        if seen > MOST_ENTRIES || is_hidden {
            continue;
        }
        if about.is_dir() || depth == 0 {
            let Ok(entries) = path.read_dir() else {
                problems.add(ExitCode::NoInput, format!("{}: the folder cannot be read", path.display()));
                continue;
            };
            let mut below: Vec<_> = entries.flatten().map(|entry| (entry.path(), depth + 1)).collect();
            below.retain(|_| depth < DEEPEST);
            below.sort_by(|a, b| b.cmp(a));
            waiting.extend(below);
        } else if is_wanted(&path) && path.is_file() {
            count += 1;
            if count > MOST_FILES {
                return problems.add(ExitCode::NoInput, format!("{}: more than {MOST_FILES} files", top.display()));
            }
            file(&path, true, files, problems);
        }
    }
    if !files.iter().any(|file| Path::new(&file.path).starts_with(top)) && problems.lines.is_empty() {
        problems.add(ExitCode::NoInput, format!("{}: no Corefile is in this folder", top.display()));
    }
}

/// Whether a file of a folder may be, or hold, a Corefile.
fn is_wanted(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let ends = [".corefile", ".server", ".yaml", ".yml", ".json"];
    name == "corefile" || name.starts_with("corefile.") || ends.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::main;
    use crate::error::ExitCode;

    /// The exit code of `nodens audit` and what it says on standard error.
    fn run(arguments: &[&str]) -> (Option<ExitCode>, String) {
        match main(["nodens", "audit"].iter().chain(arguments).copied()) {
            Ok(()) => (None, String::new()),
            Err(failure) => (Some(failure.code), failure.message),
        }
    }

    /// A Corefile with one finding that is high and several below.
    const BAD: &str = ".:53 {\n    errors\n    pprof 0.0.0.0:6053\n}\n";

    #[test]
    fn the_exit_status_tells_what_was_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("Corefile"), BAD).unwrap();
        std::fs::write(path("cm.json"), "{\"data\": {\"Corefile\": \"a:53 {\\n  errors\\n  whoami\\n}\\n\"}}").unwrap();
        std::fs::write(path("other.yaml"), "kind: Service\n").unwrap();
        assert_eq!(run(&[&path("Corefile")]).0, Some(ExitCode::Findings));
        assert_eq!(run(&[&path("Corefile"), "--fail-on", "never"]).0, None);
        assert_eq!(run(&[&path("cm.json"), "--fail-on", "medium"]).0, None);
        assert_eq!(run(&[&path("cm.json"), "--fail-on", "low"]).0, Some(ExitCode::Findings));
        for format in ["human", "json", "sarif"] {
            let (code, message) = run(&[folder.path().to_str().unwrap(), "--format", format]);
            assert_eq!((code, message.as_str()), (Some(ExitCode::Findings), "1 finding of severity high or above"));
        }
        let (code, message) = run(&[&path("other.yaml")]);
        assert_eq!(code, Some(ExitCode::NoInput), "{message}");
    }

    #[test]
    fn bad_input_has_codes_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("Corefile"), ".:53 {\n    errors\n").unwrap();
        std::fs::write(path("bytes.Corefile"), b"\xff\xfe").unwrap();
        std::fs::write(path("long.Corefile"), vec![b' '; super::MOST_BYTES + 1]).unwrap();
        let (code, message) = run(&[&path("Corefile")]);
        assert_eq!(code, Some(ExitCode::Data));
        assert!(message.contains("Corefile:1: syntax: "), "{message}");
        assert_eq!(run(&[&path("bytes.Corefile")]).0, Some(ExitCode::Data));
        assert_eq!(run(&[&path("long.Corefile")]).0, Some(ExitCode::Data));
        assert_eq!(run(&[&path("absent")]).0, Some(ExitCode::NoInput));
        assert_eq!(run(&[&path("absent"), &path("Corefile")]).0, Some(ExitCode::NoInput));
        std::fs::create_dir(path("empty")).unwrap();
        assert_eq!(run(&[&path("empty")]).0, Some(ExitCode::NoInput));
        assert_eq!(run(&[]).0, Some(ExitCode::Usage));
        assert_eq!(run(&["--rules"]).0, None);
    }

    #[test]
    fn folders_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..=super::MOST_FILES {
            std::fs::write(folder.path().join(format!("{number}.Corefile")), "").unwrap();
        }
        let (code, message) = run(&[folder.path().to_str().unwrap()]);
        assert_eq!(code, Some(ExitCode::NoInput));
        assert!(message.contains("more than 1000 files"), "{message}");
        assert!(!super::is_wanted(Path::new("a/README.md")));
    }
}
