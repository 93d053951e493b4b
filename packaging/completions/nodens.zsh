#compdef nodens

autoload -U is-at-least

_nodens() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'--config=[The configuration file, in TOML; none is the built-in configuration]:FILE:_files' \
'-h[Print help]' \
'--help[Print help]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_nodens_commands" \
"*::: :->nodens" \
&& ret=0
    case $state in
    (nodens)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:nodens-command-$line[1]:"
        case $line[1] in
            (run)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration file, in TOML; none is the built-in configuration]:FILE:_files' \
'--no-supervisor[Answer in this process, without one behind it that starts it again]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(ctl)
_arguments "${_arguments_options[@]}" : \
'--socket=[Where the daemon listens\: "\[control\] socket" of its configuration]:PATH:_files' \
'--json[Print the daemon'\''s answer as JSON, for scripts\: one object, or one a line]' \
'-h[Print help]' \
'--help[Print help]' \
":: :_nodens__subcmd__ctl_commands" \
"*::: :->ctl" \
&& ret=0

    case $state in
    (ctl)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:nodens-ctl-command-$line[1]:"
        case $line[1] in
            (status)
_arguments "${_arguments_options[@]}" : \
'--socket=[Where the daemon listens\: "\[control\] socket" of its configuration]:PATH:_files' \
'--json[Print the daemon'\''s answer as JSON, for scripts\: one object, or one a line]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(stats)
_arguments "${_arguments_options[@]}" : \
'--socket=[Where the daemon listens\: "\[control\] socket" of its configuration]:PATH:_files' \
'--json[Print the daemon'\''s answer as JSON, for scripts\: one object, or one a line]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(upstreams)
_arguments "${_arguments_options[@]}" : \
'--socket=[Where the daemon listens\: "\[control\] socket" of its configuration]:PATH:_files' \
'--json[Print the daemon'\''s answer as JSON, for scripts\: one object, or one a line]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(cache)
_arguments "${_arguments_options[@]}" : \
'--socket=[Where the daemon listens\: "\[control\] socket" of its configuration]:PATH:_files' \
'--json[Print the daemon'\''s answer as JSON, for scripts\: one object, or one a line]' \
'-h[Print help]' \
'--help[Print help]' \
":: :_nodens__subcmd__ctl__subcmd__cache_commands" \
"*::: :->cache" \
&& ret=0

    case $state in
    (cache)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:nodens-ctl-cache-command-$line[1]:"
        case $line[1] in
            (dump)
_arguments "${_arguments_options[@]}" : \
'--suffix=[Only names below this one, and itself]:NAME:_default' \
'--socket=[Where the daemon listens\: "\[control\] socket" of its configuration]:PATH:_files' \
'--json[Print the daemon'\''s answer as JSON, for scripts\: one object, or one a line]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(flush)
_arguments "${_arguments_options[@]}" : \
'--suffix=[This name and all below it]:NAME:_default' \
'--socket=[Where the daemon listens\: "\[control\] socket" of its configuration]:PATH:_files' \
'--all[Everything]' \
'--json[Print the daemon'\''s answer as JSON, for scripts\: one object, or one a line]' \
'-h[Print help]' \
'--help[Print help]' \
'::name -- This name, with all its types:_default' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_nodens__subcmd__ctl__subcmd__cache__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:nodens-ctl-cache-help-command-$line[1]:"
        case $line[1] in
            (dump)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(flush)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(detections)
_arguments "${_arguments_options[@]}" : \
'-n+[How many lines at most (20 if silent, at most 1,000)]:COUNT:_default' \
'--limit=[How many lines at most (20 if silent, at most 1,000)]:COUNT:_default' \
'--socket=[Where the daemon listens\: "\[control\] socket" of its configuration]:PATH:_files' \
'--json[Print the daemon'\''s answer as JSON, for scripts\: one object, or one a line]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(top-names)
_arguments "${_arguments_options[@]}" : \
'-n+[How many lines at most (20 if silent, at most 1,000)]:COUNT:_default' \
'--limit=[How many lines at most (20 if silent, at most 1,000)]:COUNT:_default' \
'--socket=[Where the daemon listens\: "\[control\] socket" of its configuration]:PATH:_files' \
'--json[Print the daemon'\''s answer as JSON, for scripts\: one object, or one a line]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(top-clients)
_arguments "${_arguments_options[@]}" : \
'-n+[How many lines at most (20 if silent, at most 1,000)]:COUNT:_default' \
'--limit=[How many lines at most (20 if silent, at most 1,000)]:COUNT:_default' \
'--socket=[Where the daemon listens\: "\[control\] socket" of its configuration]:PATH:_files' \
'--json[Print the daemon'\''s answer as JSON, for scripts\: one object, or one a line]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(log-level)
_arguments "${_arguments_options[@]}" : \
'--socket=[Where the daemon listens\: "\[control\] socket" of its configuration]:PATH:_files' \
'--json[Print the daemon'\''s answer as JSON, for scripts\: one object, or one a line]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':level -- The least important lines that are written:((error\:"What broke"
warn\:"And what is odd"
info\:"And the daemon'\''s life"
debug\:"And all else"))' \
&& ret=0
;;
(reload)
_arguments "${_arguments_options[@]}" : \
'--socket=[Where the daemon listens\: "\[control\] socket" of its configuration]:PATH:_files' \
'--json[Print the daemon'\''s answer as JSON, for scripts\: one object, or one a line]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(explain)
_arguments "${_arguments_options[@]}" : \
'--client=[Who asks\: may that client, and how fast?]:IP:_default' \
'--socket=[Where the daemon listens\: "\[control\] socket" of its configuration]:PATH:_files' \
'--do[For a client that wants signatures (DO)]' \
'--cd[For a client that wants data which are not validated (CD)]' \
'--ask[Ask it, too, as any client does, and show the answer]' \
'--json[Print the daemon'\''s answer as JSON, for scripts\: one object, or one a line]' \
'-h[Print help]' \
'--help[Print help]' \
':name -- The name:_default' \
'::qtype -- The type\: "AAAA", "HTTPS", or "TYPE" and its number:_default' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_nodens__subcmd__ctl__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:nodens-ctl-help-command-$line[1]:"
        case $line[1] in
            (status)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(stats)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(upstreams)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(cache)
_arguments "${_arguments_options[@]}" : \
":: :_nodens__subcmd__ctl__subcmd__help__subcmd__cache_commands" \
"*::: :->cache" \
&& ret=0

    case $state in
    (cache)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:nodens-ctl-help-cache-command-$line[1]:"
        case $line[1] in
            (dump)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(flush)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(detections)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(top-names)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(top-clients)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(log-level)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(reload)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(explain)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(top)
_arguments "${_arguments_options[@]}" : \
'--socket=[Where the daemon listens\: "\[control\] socket" of its configuration]:PATH:_files' \
'--interval=[Seconds between two looks]:SECONDS:_default' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(node-cache)
_arguments "${_arguments_options[@]}" : \
'*::flags -- Its flags:_default' \
&& ret=0
;;
(audit)
_arguments "${_arguments_options[@]}" : \
'--format=[How to write the report]:FORMAT:((human\:"For people; in colour on a terminal, unless NO_COLOR is set"
json\:"One JSON document"
sarif\:"SARIF 2.1.0, for code scanners"))' \
'--fail-on=[The least severity that fails (exit status 1)]:SEVERITY:((high\:"High alone"
medium\:"Medium and high"
low\:"Low, medium and high"
never\:"Nothing fails"))' \
'()--rules[Print all rules instead, a line each]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::files -- Corefiles, ConfigMaps, folders, or - for standard input:_files' \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
':file -- The configuration file, in TOML:_files' \
&& ret=0
;;
(migrate)
_arguments "${_arguments_options[@]}" : \
'--kube-dns=[The folder that the kube-dns ConfigMap is mounted at, with its stub domains and upstream servers]:DIR:_files' \
'*--cluster-dns=[What __PILLAR__CLUSTER__DNS__ stands for; else KUBE_DNS_UPSTREAM_SERVICE_HOST of the environment says]:ADDRESS:_default' \
'-o+[The file to write, instead of standard output]:FILE:_files' \
'--output=[The file to write, instead of standard output]:FILE:_files' \
'-h[Print help]' \
'--help[Print help]' \
':corefile -- The Corefile of CoreDNS or node-cache:_files' \
&& ret=0
;;
(generate)
_arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
":: :_nodens__subcmd__generate_commands" \
"*::: :->generate" \
&& ret=0

    case $state in
    (generate)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:nodens-generate-command-$line[1]:"
        case $line[1] in
            (config)
_arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(metrics)
_arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(plugins)
_arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
'::page -- Which one, such as nodens.1 or nodens.toml.5; none prints the names of all:_default' \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':shell -- Which shell:((bash\:"For /usr/share/bash-completion/completions/nodens"
zsh\:"For /usr/share/zsh/vendor-completions/_nodens"
fish\:"For /usr/share/fish/vendor_completions.d/nodens.fish"))' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_nodens__subcmd__generate__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:nodens-generate-help-command-$line[1]:"
        case $line[1] in
            (config)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(metrics)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(plugins)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(demo)
_arguments "${_arguments_options[@]}" : \
'--port=[Port on 127.0.0.1 that the daemon answers on; 0 takes a free one]:PORT:_default' \
'--once[End after the table; the exit code says whether every answer was the expected one]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_nodens__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:nodens-help-command-$line[1]:"
        case $line[1] in
            (run)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(ctl)
_arguments "${_arguments_options[@]}" : \
":: :_nodens__subcmd__help__subcmd__ctl_commands" \
"*::: :->ctl" \
&& ret=0

    case $state in
    (ctl)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:nodens-help-ctl-command-$line[1]:"
        case $line[1] in
            (status)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(stats)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(upstreams)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(cache)
_arguments "${_arguments_options[@]}" : \
":: :_nodens__subcmd__help__subcmd__ctl__subcmd__cache_commands" \
"*::: :->cache" \
&& ret=0

    case $state in
    (cache)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:nodens-help-ctl-cache-command-$line[1]:"
        case $line[1] in
            (dump)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(flush)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(detections)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(top-names)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(top-clients)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(log-level)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(reload)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(explain)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(top)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(node-cache)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(audit)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(migrate)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(generate)
_arguments "${_arguments_options[@]}" : \
":: :_nodens__subcmd__help__subcmd__generate_commands" \
"*::: :->generate" \
&& ret=0

    case $state in
    (generate)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:nodens-help-generate-command-$line[1]:"
        case $line[1] in
            (config)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(metrics)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(plugins)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(demo)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
}

(( $+functions[_nodens_commands] )) ||
_nodens_commands() {
    local commands; commands=(
'run:Answer queries until told to stop (the default)' \
'ctl:Ask a daemon that runs, or tell it something' \
'top:Watch a daemon that runs\: queries, hits, latency, servers, clients, detections' \
'node-cache:Answer queries with the flags, Corefile and ConfigMaps of node-local-dns'\''s node-cache; see \`nodens node-cache -help\`' \
'audit:Look at a CoreDNS Corefile as a security review does' \
'check:Check a configuration file\: print all its mistakes, or all that holds' \
'migrate:Print what a Corefile means, as a configuration file, and what differs' \
'generate:Print files that are made from the program itself' \
'demo:Show a cache at work, without any network' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'nodens commands' commands "$@"
}
(( $+functions[_nodens__subcmd__audit_commands] )) ||
_nodens__subcmd__audit_commands() {
    local commands; commands=()
    _describe -t commands 'nodens audit commands' commands "$@"
}
(( $+functions[_nodens__subcmd__check_commands] )) ||
_nodens__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'nodens check commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl_commands] )) ||
_nodens__subcmd__ctl_commands() {
    local commands; commands=(
'status:Which daemon it is\: version, configuration, listeners, processes, sandbox' \
'stats:How much it does\: queries, hits, latency, memory, what was withheld' \
'upstreams:The servers it asks\: state, latency, connections, failures by kind' \
'cache:The kept answers' \
'detections:What was detected lately\: tunnels, floods, rebinding attempts' \
'top-names:The domains that are asked for most' \
'top-clients:The clients that ask most' \
'log-level:Write more or fewer log lines, until the configuration is read again' \
'reload:Read the configuration again, and say what came of it' \
'explain:What would happen to a query, and why; nothing is asked of a server unless --ask' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'nodens ctl commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__cache_commands] )) ||
_nodens__subcmd__ctl__subcmd__cache_commands() {
    local commands; commands=(
'dump:Print them as a zone file, with what is known of each in comments' \
'flush:Forget answers and failures, so that they are asked for again' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'nodens ctl cache commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__cache__subcmd__dump_commands] )) ||
_nodens__subcmd__ctl__subcmd__cache__subcmd__dump_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl cache dump commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__cache__subcmd__flush_commands] )) ||
_nodens__subcmd__ctl__subcmd__cache__subcmd__flush_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl cache flush commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__cache__subcmd__help_commands] )) ||
_nodens__subcmd__ctl__subcmd__cache__subcmd__help_commands() {
    local commands; commands=(
'dump:Print them as a zone file, with what is known of each in comments' \
'flush:Forget answers and failures, so that they are asked for again' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'nodens ctl cache help commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__cache__subcmd__help__subcmd__dump_commands] )) ||
_nodens__subcmd__ctl__subcmd__cache__subcmd__help__subcmd__dump_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl cache help dump commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__cache__subcmd__help__subcmd__flush_commands] )) ||
_nodens__subcmd__ctl__subcmd__cache__subcmd__help__subcmd__flush_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl cache help flush commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__cache__subcmd__help__subcmd__help_commands] )) ||
_nodens__subcmd__ctl__subcmd__cache__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl cache help help commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__detections_commands] )) ||
_nodens__subcmd__ctl__subcmd__detections_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl detections commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__explain_commands] )) ||
_nodens__subcmd__ctl__subcmd__explain_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl explain commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__help_commands] )) ||
_nodens__subcmd__ctl__subcmd__help_commands() {
    local commands; commands=(
'status:Which daemon it is\: version, configuration, listeners, processes, sandbox' \
'stats:How much it does\: queries, hits, latency, memory, what was withheld' \
'upstreams:The servers it asks\: state, latency, connections, failures by kind' \
'cache:The kept answers' \
'detections:What was detected lately\: tunnels, floods, rebinding attempts' \
'top-names:The domains that are asked for most' \
'top-clients:The clients that ask most' \
'log-level:Write more or fewer log lines, until the configuration is read again' \
'reload:Read the configuration again, and say what came of it' \
'explain:What would happen to a query, and why; nothing is asked of a server unless --ask' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'nodens ctl help commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__help__subcmd__cache_commands] )) ||
_nodens__subcmd__ctl__subcmd__help__subcmd__cache_commands() {
    local commands; commands=(
'dump:Print them as a zone file, with what is known of each in comments' \
'flush:Forget answers and failures, so that they are asked for again' \
    )
    _describe -t commands 'nodens ctl help cache commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__help__subcmd__cache__subcmd__dump_commands] )) ||
_nodens__subcmd__ctl__subcmd__help__subcmd__cache__subcmd__dump_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl help cache dump commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__help__subcmd__cache__subcmd__flush_commands] )) ||
_nodens__subcmd__ctl__subcmd__help__subcmd__cache__subcmd__flush_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl help cache flush commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__help__subcmd__detections_commands] )) ||
_nodens__subcmd__ctl__subcmd__help__subcmd__detections_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl help detections commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__help__subcmd__explain_commands] )) ||
_nodens__subcmd__ctl__subcmd__help__subcmd__explain_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl help explain commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__help__subcmd__help_commands] )) ||
_nodens__subcmd__ctl__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl help help commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__help__subcmd__log-level_commands] )) ||
_nodens__subcmd__ctl__subcmd__help__subcmd__log-level_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl help log-level commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__help__subcmd__reload_commands] )) ||
_nodens__subcmd__ctl__subcmd__help__subcmd__reload_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl help reload commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__help__subcmd__stats_commands] )) ||
_nodens__subcmd__ctl__subcmd__help__subcmd__stats_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl help stats commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__help__subcmd__status_commands] )) ||
_nodens__subcmd__ctl__subcmd__help__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl help status commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__help__subcmd__top-clients_commands] )) ||
_nodens__subcmd__ctl__subcmd__help__subcmd__top-clients_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl help top-clients commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__help__subcmd__top-names_commands] )) ||
_nodens__subcmd__ctl__subcmd__help__subcmd__top-names_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl help top-names commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__help__subcmd__upstreams_commands] )) ||
_nodens__subcmd__ctl__subcmd__help__subcmd__upstreams_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl help upstreams commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__log-level_commands] )) ||
_nodens__subcmd__ctl__subcmd__log-level_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl log-level commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__reload_commands] )) ||
_nodens__subcmd__ctl__subcmd__reload_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl reload commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__stats_commands] )) ||
_nodens__subcmd__ctl__subcmd__stats_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl stats commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__status_commands] )) ||
_nodens__subcmd__ctl__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl status commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__top-clients_commands] )) ||
_nodens__subcmd__ctl__subcmd__top-clients_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl top-clients commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__top-names_commands] )) ||
_nodens__subcmd__ctl__subcmd__top-names_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl top-names commands' commands "$@"
}
(( $+functions[_nodens__subcmd__ctl__subcmd__upstreams_commands] )) ||
_nodens__subcmd__ctl__subcmd__upstreams_commands() {
    local commands; commands=()
    _describe -t commands 'nodens ctl upstreams commands' commands "$@"
}
(( $+functions[_nodens__subcmd__demo_commands] )) ||
_nodens__subcmd__demo_commands() {
    local commands; commands=()
    _describe -t commands 'nodens demo commands' commands "$@"
}
(( $+functions[_nodens__subcmd__generate_commands] )) ||
_nodens__subcmd__generate_commands() {
    local commands; commands=(
'config:The reference configuration\: every option with its default, range and unit' \
'metrics:The list of metrics, a chapter of the manual in Markdown' \
'plugins:The table of CoreDNS'\''s plugins and what becomes of them, a part of the manual in Markdown' \
'man:A manual page' \
'completions:What a shell needs to complete commands and options' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'nodens generate commands' commands "$@"
}
(( $+functions[_nodens__subcmd__generate__subcmd__completions_commands] )) ||
_nodens__subcmd__generate__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'nodens generate completions commands' commands "$@"
}
(( $+functions[_nodens__subcmd__generate__subcmd__config_commands] )) ||
_nodens__subcmd__generate__subcmd__config_commands() {
    local commands; commands=()
    _describe -t commands 'nodens generate config commands' commands "$@"
}
(( $+functions[_nodens__subcmd__generate__subcmd__help_commands] )) ||
_nodens__subcmd__generate__subcmd__help_commands() {
    local commands; commands=(
'config:The reference configuration\: every option with its default, range and unit' \
'metrics:The list of metrics, a chapter of the manual in Markdown' \
'plugins:The table of CoreDNS'\''s plugins and what becomes of them, a part of the manual in Markdown' \
'man:A manual page' \
'completions:What a shell needs to complete commands and options' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'nodens generate help commands' commands "$@"
}
(( $+functions[_nodens__subcmd__generate__subcmd__help__subcmd__completions_commands] )) ||
_nodens__subcmd__generate__subcmd__help__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'nodens generate help completions commands' commands "$@"
}
(( $+functions[_nodens__subcmd__generate__subcmd__help__subcmd__config_commands] )) ||
_nodens__subcmd__generate__subcmd__help__subcmd__config_commands() {
    local commands; commands=()
    _describe -t commands 'nodens generate help config commands' commands "$@"
}
(( $+functions[_nodens__subcmd__generate__subcmd__help__subcmd__help_commands] )) ||
_nodens__subcmd__generate__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'nodens generate help help commands' commands "$@"
}
(( $+functions[_nodens__subcmd__generate__subcmd__help__subcmd__man_commands] )) ||
_nodens__subcmd__generate__subcmd__help__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'nodens generate help man commands' commands "$@"
}
(( $+functions[_nodens__subcmd__generate__subcmd__help__subcmd__metrics_commands] )) ||
_nodens__subcmd__generate__subcmd__help__subcmd__metrics_commands() {
    local commands; commands=()
    _describe -t commands 'nodens generate help metrics commands' commands "$@"
}
(( $+functions[_nodens__subcmd__generate__subcmd__help__subcmd__plugins_commands] )) ||
_nodens__subcmd__generate__subcmd__help__subcmd__plugins_commands() {
    local commands; commands=()
    _describe -t commands 'nodens generate help plugins commands' commands "$@"
}
(( $+functions[_nodens__subcmd__generate__subcmd__man_commands] )) ||
_nodens__subcmd__generate__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'nodens generate man commands' commands "$@"
}
(( $+functions[_nodens__subcmd__generate__subcmd__metrics_commands] )) ||
_nodens__subcmd__generate__subcmd__metrics_commands() {
    local commands; commands=()
    _describe -t commands 'nodens generate metrics commands' commands "$@"
}
(( $+functions[_nodens__subcmd__generate__subcmd__plugins_commands] )) ||
_nodens__subcmd__generate__subcmd__plugins_commands() {
    local commands; commands=()
    _describe -t commands 'nodens generate plugins commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help_commands] )) ||
_nodens__subcmd__help_commands() {
    local commands; commands=(
'run:Answer queries until told to stop (the default)' \
'ctl:Ask a daemon that runs, or tell it something' \
'top:Watch a daemon that runs\: queries, hits, latency, servers, clients, detections' \
'node-cache:Answer queries with the flags, Corefile and ConfigMaps of node-local-dns'\''s node-cache; see \`nodens node-cache -help\`' \
'audit:Look at a CoreDNS Corefile as a security review does' \
'check:Check a configuration file\: print all its mistakes, or all that holds' \
'migrate:Print what a Corefile means, as a configuration file, and what differs' \
'generate:Print files that are made from the program itself' \
'demo:Show a cache at work, without any network' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'nodens help commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__audit_commands] )) ||
_nodens__subcmd__help__subcmd__audit_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help audit commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__check_commands] )) ||
_nodens__subcmd__help__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help check commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__ctl_commands] )) ||
_nodens__subcmd__help__subcmd__ctl_commands() {
    local commands; commands=(
'status:Which daemon it is\: version, configuration, listeners, processes, sandbox' \
'stats:How much it does\: queries, hits, latency, memory, what was withheld' \
'upstreams:The servers it asks\: state, latency, connections, failures by kind' \
'cache:The kept answers' \
'detections:What was detected lately\: tunnels, floods, rebinding attempts' \
'top-names:The domains that are asked for most' \
'top-clients:The clients that ask most' \
'log-level:Write more or fewer log lines, until the configuration is read again' \
'reload:Read the configuration again, and say what came of it' \
'explain:What would happen to a query, and why; nothing is asked of a server unless --ask' \
    )
    _describe -t commands 'nodens help ctl commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__ctl__subcmd__cache_commands] )) ||
_nodens__subcmd__help__subcmd__ctl__subcmd__cache_commands() {
    local commands; commands=(
'dump:Print them as a zone file, with what is known of each in comments' \
'flush:Forget answers and failures, so that they are asked for again' \
    )
    _describe -t commands 'nodens help ctl cache commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__ctl__subcmd__cache__subcmd__dump_commands] )) ||
_nodens__subcmd__help__subcmd__ctl__subcmd__cache__subcmd__dump_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help ctl cache dump commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__ctl__subcmd__cache__subcmd__flush_commands] )) ||
_nodens__subcmd__help__subcmd__ctl__subcmd__cache__subcmd__flush_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help ctl cache flush commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__ctl__subcmd__detections_commands] )) ||
_nodens__subcmd__help__subcmd__ctl__subcmd__detections_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help ctl detections commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__ctl__subcmd__explain_commands] )) ||
_nodens__subcmd__help__subcmd__ctl__subcmd__explain_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help ctl explain commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__ctl__subcmd__log-level_commands] )) ||
_nodens__subcmd__help__subcmd__ctl__subcmd__log-level_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help ctl log-level commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__ctl__subcmd__reload_commands] )) ||
_nodens__subcmd__help__subcmd__ctl__subcmd__reload_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help ctl reload commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__ctl__subcmd__stats_commands] )) ||
_nodens__subcmd__help__subcmd__ctl__subcmd__stats_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help ctl stats commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__ctl__subcmd__status_commands] )) ||
_nodens__subcmd__help__subcmd__ctl__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help ctl status commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__ctl__subcmd__top-clients_commands] )) ||
_nodens__subcmd__help__subcmd__ctl__subcmd__top-clients_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help ctl top-clients commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__ctl__subcmd__top-names_commands] )) ||
_nodens__subcmd__help__subcmd__ctl__subcmd__top-names_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help ctl top-names commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__ctl__subcmd__upstreams_commands] )) ||
_nodens__subcmd__help__subcmd__ctl__subcmd__upstreams_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help ctl upstreams commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__demo_commands] )) ||
_nodens__subcmd__help__subcmd__demo_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help demo commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__generate_commands] )) ||
_nodens__subcmd__help__subcmd__generate_commands() {
    local commands; commands=(
'config:The reference configuration\: every option with its default, range and unit' \
'metrics:The list of metrics, a chapter of the manual in Markdown' \
'plugins:The table of CoreDNS'\''s plugins and what becomes of them, a part of the manual in Markdown' \
'man:A manual page' \
'completions:What a shell needs to complete commands and options' \
    )
    _describe -t commands 'nodens help generate commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__generate__subcmd__completions_commands] )) ||
_nodens__subcmd__help__subcmd__generate__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help generate completions commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__generate__subcmd__config_commands] )) ||
_nodens__subcmd__help__subcmd__generate__subcmd__config_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help generate config commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__generate__subcmd__man_commands] )) ||
_nodens__subcmd__help__subcmd__generate__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help generate man commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__generate__subcmd__metrics_commands] )) ||
_nodens__subcmd__help__subcmd__generate__subcmd__metrics_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help generate metrics commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__generate__subcmd__plugins_commands] )) ||
_nodens__subcmd__help__subcmd__generate__subcmd__plugins_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help generate plugins commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__help_commands] )) ||
_nodens__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help help commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__migrate_commands] )) ||
_nodens__subcmd__help__subcmd__migrate_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help migrate commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__node-cache_commands] )) ||
_nodens__subcmd__help__subcmd__node-cache_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help node-cache commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__run_commands] )) ||
_nodens__subcmd__help__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help run commands' commands "$@"
}
(( $+functions[_nodens__subcmd__help__subcmd__top_commands] )) ||
_nodens__subcmd__help__subcmd__top_commands() {
    local commands; commands=()
    _describe -t commands 'nodens help top commands' commands "$@"
}
(( $+functions[_nodens__subcmd__migrate_commands] )) ||
_nodens__subcmd__migrate_commands() {
    local commands; commands=()
    _describe -t commands 'nodens migrate commands' commands "$@"
}
(( $+functions[_nodens__subcmd__node-cache_commands] )) ||
_nodens__subcmd__node-cache_commands() {
    local commands; commands=()
    _describe -t commands 'nodens node-cache commands' commands "$@"
}
(( $+functions[_nodens__subcmd__run_commands] )) ||
_nodens__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'nodens run commands' commands "$@"
}
(( $+functions[_nodens__subcmd__top_commands] )) ||
_nodens__subcmd__top_commands() {
    local commands; commands=()
    _describe -t commands 'nodens top commands' commands "$@"
}

if [ "$funcstack[1]" = "_nodens" ]; then
    _nodens "$@"
else
    compdef _nodens nodens
fi
