//! The container of the official manifest, as a kubelet would start it: a root of its own, ConfigMaps as folders behind links, the node's network.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::common::cluster::{Cluster, DNS_POD, KUBE_DNS, LINK_LOCAL, UPSTREAM};
use crate::common::daemon::{BINARY, Daemon};

/// The manifest, with its variables.
const MANIFEST: &str = include_str!("../../data/dropin/nodelocaldns.yaml");

/// What the container's own file system takes from the machine: programs for packet rules, libraries, certificates.
const SHARED: [&str; 8] = ["usr", "bin", "sbin", "lib", "lib64", "proc", "sys", "dev"];

/// Mounts all of it and becomes the container's program. `$1` is its folder, `$2` says whether its root is read-only.
const SCRIPT: &str = r#"set -eu
folder=$1 read_only=$2; shift 2
root=$folder/root
mount --bind "$root" "$root"
for name in usr bin sbin lib lib64 proc sys dev; do
    if [ -d "/$name" ] && [ ! -L "/$name" ]; then mount --rbind "/$name" "$root/$name"; fi
done
mount --bind "$BINARY" "$root/node-cache"
mount --bind "$folder/xtables.lock" "$root/run/xtables.lock"
for name in coredns kube-dns; do
    if [ -d "$folder/$name" ]; then
        mount --bind "$folder/$name" "$root/etc/$name"
        mount -o remount,bind,ro "$root/etc/$name"
    fi
done
if [ "$read_only" = yes ]; then mount -o remount,bind,ro "$root"; fi
unset BINARY
exec chroot "$root" /node-cache "$@"
"#;

/// How the manifest was installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// kube-proxy with packet rules: the cache has the address of kube-dns as well.
    Iptables,
    /// kube-proxy with IPVS: the node-local address alone.
    Ipvs,
}

/// What a manifest says.
#[derive(Clone, Debug)]
pub(super) struct Manifest {
    /// The program's arguments.
    pub(super) arguments: Vec<String>,
    /// The Corefile, with the variables that the daemon replaces.
    pub(super) corefile: String,
    /// Where volumes are mounted.
    pub(super) mounts: Vec<String>,
}

impl Manifest {
    /// The official one as it is installed.
    pub(super) fn official(mode: Mode) -> Self {
        // In this order, as the instructions have it.
        let text = match mode {
            Mode::Iptables => MANIFEST.replace("__PILLAR__DNS__SERVER__", KUBE_DNS),
            Mode::Ipvs => MANIFEST
                .replace(",__PILLAR__DNS__SERVER__", "")
                .replace(" __PILLAR__DNS__SERVER__", "")
                .replace("__PILLAR__CLUSTER__DNS__", UPSTREAM),
        };
        Self::read(
            &text.replace("__PILLAR__LOCAL__DNS__", LINK_LOCAL).replace("__PILLAR__DNS__DOMAIN__", "cluster.local"),
        )
    }

    /// Takes out what a kubelet acts by.
    fn read(text: &str) -> Self {
        let arguments = text.lines().find_map(|line| line.trim().strip_prefix("args: ")).expect("a line of arguments");
        let mounts = text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("mountPath: "));
        let (_, data) = text.split_once("  Corefile: |\n").expect("a ConfigMap with a Corefile");
        let corefile = data.lines().map_while(|line| line.strip_prefix("    ")).map(|line| format!("{line}\n"));
        Self {
            arguments: serde_json::from_str(arguments).expect("a list of texts"),
            corefile: corefile.collect(),
            mounts: mounts.map(str::to_owned).collect(),
        }
    }
}

/// A container that can be started.
#[derive(Debug)]
pub(super) struct Container {
    /// Its root, and what is mounted there.
    folder: TempDir,
    /// What the program is told.
    arguments: Vec<String>,
    /// The variables of its environment.
    environment: Vec<(String, String)>,
    /// Whether nothing can be written to its root.
    is_read_only: bool,
    /// The node's namespace.
    wrapper: Vec<String>,
}

impl Container {
    /// That of a manifest, on the node of a cluster whose other names come from the pod of the cluster's DNS as well.
    pub(super) fn new(manifest: &Manifest, cluster: &Cluster) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["root/etc/coredns", "root/etc/kube-dns", "root/run", "root/tmp"] {
            fs::create_dir_all(path(name)).unwrap();
        }
        for name in SHARED {
            // Most of them are links into /usr today.
            match fs::read_link(Path::new("/").join(name)) {
                Ok(target) => symlink(target, path("root").join(name)).unwrap(),
                Err(_) => fs::create_dir_all(path("root").join(name)).unwrap(),
            }
        }
        for name in ["root/node-cache", "root/run/xtables.lock", "xtables.lock"] {
            fs::write(path(name), "").unwrap();
        }
        for name in ["passwd", "group", "ssl", "ld.so.cache", "alternatives"] {
            let status = Command::new("cp").arg("-a").arg(format!("/etc/{name}")).arg(path("root/etc")).status();
            assert!(status.unwrap().success() || name == "ssl", "/etc/{name}");
        }
        let known = ["/run/xtables.lock", "/etc/coredns", "/etc/kube-dns"];
        assert!(manifest.mounts.iter().all(|mount| known.contains(&mount.as_str())), "{:?}", manifest.mounts);
        let container = Self {
            arguments: manifest.arguments.clone(),
            environment: vec![("KUBE_DNS_UPSTREAM_SERVICE_HOST".to_owned(), UPSTREAM.to_owned())],
            is_read_only: false,
            wrapper: cluster.node.wrapper().map(str::to_owned).to_vec(),
            folder,
        };
        container.resolv_conf(&format!("nameserver {DNS_POD}\n"));
        container.config_map("coredns", &[("Corefile.base", &manifest.corefile)]);
        container
    }

    /// Makes its root read-only.
    pub(super) fn read_only(mut self) -> Self {
        self.is_read_only = true;
        self
    }

    /// More arguments.
    pub(super) fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// No variables in its environment: the service came after the pod, or is called otherwise.
    pub(super) fn without_variables(mut self) -> Self {
        self.environment.clear();
        self
    }

    /// Writes the node's resolv.conf.
    pub(super) fn resolv_conf(&self, text: &str) {
        fs::write(self.path("root/etc/resolv.conf"), text).unwrap();
    }

    /// A path of the container's folder; its root is below `root`.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts files into a ConfigMap's volume in the place of those that were there, in one step, as a kubelet does.
    pub(super) fn config_map(&self, volume: &str, files: &[(&str, &str)]) {
        let folder = self.path(volume);
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let before = fs::read_link(folder.join("..data")).ok();
        let number = before.as_ref().and_then(|name| name.to_str()?.strip_prefix("..")?.parse::<u32>().ok());
        let version = format!("..{}", number.unwrap_or(0) + 1);
        fs::create_dir(folder.join(&version)).unwrap();
        for (name, text) in files {
            fs::write(folder.join(&version).join(name), text).unwrap();
        }
        symlink(&version, folder.join("..data_tmp")).unwrap();
        fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if !name.starts_with("..") && !files.iter().any(|(kept, _)| *kept == name) {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        for (name, _) in files.iter().filter(|(name, _)| folder.join(name).symlink_metadata().is_err()) {
            symlink(format!("..data/{name}"), folder.join(name)).unwrap();
        }
        if let Some(before) = before {
            fs::remove_dir_all(folder.join(before)).unwrap();
        }
    }

    /// The command that starts it.
    fn command(&self) -> Command {
        let mut words = self.wrapper.iter().map(String::as_str).chain(["unshare", "--mount", "sh", "-c", SCRIPT, "sh"]);
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .arg(self.folder.path())
            .arg(if self.is_read_only { "yes" } else { "no" })
            .args(&self.arguments);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("BINARY", BINARY);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts it and waits until it is ready.
    #[track_caller]
    pub(super) fn start(&self) -> Daemon {
        Daemon::start(self.command(), tempfile::tempdir().unwrap())
    }

    /// Runs it to its end.
    pub(super) fn run(&self) -> std::process::Output {
        self.command().output().unwrap()
    }
}
