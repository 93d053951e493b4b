# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_nodens_global_optspecs
    string join \n config= h/help V/version
end

function __fish_nodens_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_nodens_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_nodens_using_subcommand
    set -l cmd (__fish_nodens_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c nodens -n "__fish_nodens_needs_command" -l config -d 'The configuration file, in TOML; none is the built-in configuration' -r -F
complete -c nodens -n "__fish_nodens_needs_command" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_needs_command" -s V -l version -d 'Print version'
complete -c nodens -n "__fish_nodens_needs_command" -f -a "run" -d 'Answer queries until told to stop (the default)'
complete -c nodens -n "__fish_nodens_needs_command" -f -a "ctl" -d 'Ask a daemon that runs, or tell it something'
complete -c nodens -n "__fish_nodens_needs_command" -f -a "top" -d 'Watch a daemon that runs: queries, hits, latency, servers, clients, detections'
complete -c nodens -n "__fish_nodens_needs_command" -f -a "node-cache" -d 'Answer queries with the flags, Corefile and ConfigMaps of node-local-dns\'s node-cache; see `nodens node-cache -help`'
complete -c nodens -n "__fish_nodens_needs_command" -f -a "audit" -d 'Look at a CoreDNS Corefile as a security review does'
complete -c nodens -n "__fish_nodens_needs_command" -f -a "check" -d 'Check a configuration file: print all its mistakes, or all that holds'
complete -c nodens -n "__fish_nodens_needs_command" -f -a "migrate" -d 'Print what a Corefile means, as a configuration file, and what differs'
complete -c nodens -n "__fish_nodens_needs_command" -f -a "generate" -d 'Print files that are made from the program itself'
complete -c nodens -n "__fish_nodens_needs_command" -f -a "demo" -d 'Show a cache at work, without any network'
complete -c nodens -n "__fish_nodens_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c nodens -n "__fish_nodens_using_subcommand run" -l config -d 'The configuration file, in TOML; none is the built-in configuration' -r -F
complete -c nodens -n "__fish_nodens_using_subcommand run" -l no-supervisor -d 'Answer in this process, without one behind it that starts it again'
complete -c nodens -n "__fish_nodens_using_subcommand run" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and not __fish_seen_subcommand_from status stats upstreams cache detections top-names top-clients log-level reload explain help" -l socket -d 'Where the daemon listens: "[control] socket" of its configuration' -r -F
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and not __fish_seen_subcommand_from status stats upstreams cache detections top-names top-clients log-level reload explain help" -l json -d 'Print the daemon\'s answer as JSON, for scripts: one object, or one a line'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and not __fish_seen_subcommand_from status stats upstreams cache detections top-names top-clients log-level reload explain help" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and not __fish_seen_subcommand_from status stats upstreams cache detections top-names top-clients log-level reload explain help" -f -a "status" -d 'Which daemon it is: version, configuration, listeners, processes, sandbox'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and not __fish_seen_subcommand_from status stats upstreams cache detections top-names top-clients log-level reload explain help" -f -a "stats" -d 'How much it does: queries, hits, latency, memory, what was withheld'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and not __fish_seen_subcommand_from status stats upstreams cache detections top-names top-clients log-level reload explain help" -f -a "upstreams" -d 'The servers it asks: state, latency, connections, failures by kind'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and not __fish_seen_subcommand_from status stats upstreams cache detections top-names top-clients log-level reload explain help" -f -a "cache" -d 'The kept answers'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and not __fish_seen_subcommand_from status stats upstreams cache detections top-names top-clients log-level reload explain help" -f -a "detections" -d 'What was detected lately: tunnels, floods, rebinding attempts'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and not __fish_seen_subcommand_from status stats upstreams cache detections top-names top-clients log-level reload explain help" -f -a "top-names" -d 'The domains that are asked for most'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and not __fish_seen_subcommand_from status stats upstreams cache detections top-names top-clients log-level reload explain help" -f -a "top-clients" -d 'The clients that ask most'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and not __fish_seen_subcommand_from status stats upstreams cache detections top-names top-clients log-level reload explain help" -f -a "log-level" -d 'Write more or fewer log lines, until the configuration is read again'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and not __fish_seen_subcommand_from status stats upstreams cache detections top-names top-clients log-level reload explain help" -f -a "reload" -d 'Read the configuration again, and say what came of it'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and not __fish_seen_subcommand_from status stats upstreams cache detections top-names top-clients log-level reload explain help" -f -a "explain" -d 'What would happen to a query, and why; nothing is asked of a server unless --ask'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and not __fish_seen_subcommand_from status stats upstreams cache detections top-names top-clients log-level reload explain help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from status" -l socket -d 'Where the daemon listens: "[control] socket" of its configuration' -r -F
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from status" -l json -d 'Print the daemon\'s answer as JSON, for scripts: one object, or one a line'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from stats" -l socket -d 'Where the daemon listens: "[control] socket" of its configuration' -r -F
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from stats" -l json -d 'Print the daemon\'s answer as JSON, for scripts: one object, or one a line'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from stats" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from upstreams" -l socket -d 'Where the daemon listens: "[control] socket" of its configuration' -r -F
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from upstreams" -l json -d 'Print the daemon\'s answer as JSON, for scripts: one object, or one a line'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from upstreams" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from cache" -l socket -d 'Where the daemon listens: "[control] socket" of its configuration' -r -F
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from cache" -l json -d 'Print the daemon\'s answer as JSON, for scripts: one object, or one a line'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from cache" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from cache" -f -a "dump" -d 'Print them as a zone file, with what is known of each in comments'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from cache" -f -a "flush" -d 'Forget answers and failures, so that they are asked for again'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from cache" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from detections" -s n -l limit -d 'How many lines at most (20 if silent, at most 1,000)' -r
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from detections" -l socket -d 'Where the daemon listens: "[control] socket" of its configuration' -r -F
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from detections" -l json -d 'Print the daemon\'s answer as JSON, for scripts: one object, or one a line'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from detections" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from top-names" -s n -l limit -d 'How many lines at most (20 if silent, at most 1,000)' -r
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from top-names" -l socket -d 'Where the daemon listens: "[control] socket" of its configuration' -r -F
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from top-names" -l json -d 'Print the daemon\'s answer as JSON, for scripts: one object, or one a line'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from top-names" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from top-clients" -s n -l limit -d 'How many lines at most (20 if silent, at most 1,000)' -r
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from top-clients" -l socket -d 'Where the daemon listens: "[control] socket" of its configuration' -r -F
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from top-clients" -l json -d 'Print the daemon\'s answer as JSON, for scripts: one object, or one a line'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from top-clients" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from log-level" -l socket -d 'Where the daemon listens: "[control] socket" of its configuration' -r -F
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from log-level" -l json -d 'Print the daemon\'s answer as JSON, for scripts: one object, or one a line'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from log-level" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from reload" -l socket -d 'Where the daemon listens: "[control] socket" of its configuration' -r -F
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from reload" -l json -d 'Print the daemon\'s answer as JSON, for scripts: one object, or one a line'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from reload" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from explain" -l client -d 'Who asks: may that client, and how fast?' -r
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from explain" -l socket -d 'Where the daemon listens: "[control] socket" of its configuration' -r -F
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from explain" -l do -d 'For a client that wants signatures (DO)'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from explain" -l cd -d 'For a client that wants data which are not validated (CD)'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from explain" -l ask -d 'Ask it, too, as any client does, and show the answer'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from explain" -l json -d 'Print the daemon\'s answer as JSON, for scripts: one object, or one a line'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "status" -d 'Which daemon it is: version, configuration, listeners, processes, sandbox'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "stats" -d 'How much it does: queries, hits, latency, memory, what was withheld'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "upstreams" -d 'The servers it asks: state, latency, connections, failures by kind'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "cache" -d 'The kept answers'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "detections" -d 'What was detected lately: tunnels, floods, rebinding attempts'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "top-names" -d 'The domains that are asked for most'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "top-clients" -d 'The clients that ask most'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "log-level" -d 'Write more or fewer log lines, until the configuration is read again'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "reload" -d 'Read the configuration again, and say what came of it'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "explain" -d 'What would happen to a query, and why; nothing is asked of a server unless --ask'
complete -c nodens -n "__fish_nodens_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c nodens -n "__fish_nodens_using_subcommand top" -l socket -d 'Where the daemon listens: "[control] socket" of its configuration' -r -F
complete -c nodens -n "__fish_nodens_using_subcommand top" -l interval -d 'Seconds between two looks' -r
complete -c nodens -n "__fish_nodens_using_subcommand top" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand audit" -l format -d 'How to write the report' -r -f -a "human\t'For people; in colour on a terminal, unless NO_COLOR is set'
json\t'One JSON document'
sarif\t'SARIF 2.1.0, for code scanners'"
complete -c nodens -n "__fish_nodens_using_subcommand audit" -l fail-on -d 'The least severity that fails (exit status 1)' -r -f -a "high\t'High alone'
medium\t'Medium and high'
low\t'Low, medium and high'
never\t'Nothing fails'"
complete -c nodens -n "__fish_nodens_using_subcommand audit" -l rules -d 'Print all rules instead, a line each'
complete -c nodens -n "__fish_nodens_using_subcommand audit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nodens -n "__fish_nodens_using_subcommand check" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand migrate" -l kube-dns -d 'The folder that the kube-dns ConfigMap is mounted at, with its stub domains and upstream servers' -r -F
complete -c nodens -n "__fish_nodens_using_subcommand migrate" -l cluster-dns -d 'What __PILLAR__CLUSTER__DNS__ stands for; else KUBE_DNS_UPSTREAM_SERVICE_HOST of the environment says' -r
complete -c nodens -n "__fish_nodens_using_subcommand migrate" -s o -l output -d 'The file to write, instead of standard output' -r -F
complete -c nodens -n "__fish_nodens_using_subcommand migrate" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand generate; and not __fish_seen_subcommand_from config metrics plugins man completions help" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand generate; and not __fish_seen_subcommand_from config metrics plugins man completions help" -f -a "config" -d 'The reference configuration: every option with its default, range and unit'
complete -c nodens -n "__fish_nodens_using_subcommand generate; and not __fish_seen_subcommand_from config metrics plugins man completions help" -f -a "metrics" -d 'The list of metrics, a chapter of the manual in Markdown'
complete -c nodens -n "__fish_nodens_using_subcommand generate; and not __fish_seen_subcommand_from config metrics plugins man completions help" -f -a "plugins" -d 'The table of CoreDNS\'s plugins and what becomes of them, a part of the manual in Markdown'
complete -c nodens -n "__fish_nodens_using_subcommand generate; and not __fish_seen_subcommand_from config metrics plugins man completions help" -f -a "man" -d 'A manual page'
complete -c nodens -n "__fish_nodens_using_subcommand generate; and not __fish_seen_subcommand_from config metrics plugins man completions help" -f -a "completions" -d 'What a shell needs to complete commands and options'
complete -c nodens -n "__fish_nodens_using_subcommand generate; and not __fish_seen_subcommand_from config metrics plugins man completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c nodens -n "__fish_nodens_using_subcommand generate; and __fish_seen_subcommand_from config" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand generate; and __fish_seen_subcommand_from metrics" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand generate; and __fish_seen_subcommand_from plugins" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand generate; and __fish_seen_subcommand_from man" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand generate; and __fish_seen_subcommand_from completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nodens -n "__fish_nodens_using_subcommand generate; and __fish_seen_subcommand_from help" -f -a "config" -d 'The reference configuration: every option with its default, range and unit'
complete -c nodens -n "__fish_nodens_using_subcommand generate; and __fish_seen_subcommand_from help" -f -a "metrics" -d 'The list of metrics, a chapter of the manual in Markdown'
complete -c nodens -n "__fish_nodens_using_subcommand generate; and __fish_seen_subcommand_from help" -f -a "plugins" -d 'The table of CoreDNS\'s plugins and what becomes of them, a part of the manual in Markdown'
complete -c nodens -n "__fish_nodens_using_subcommand generate; and __fish_seen_subcommand_from help" -f -a "man" -d 'A manual page'
complete -c nodens -n "__fish_nodens_using_subcommand generate; and __fish_seen_subcommand_from help" -f -a "completions" -d 'What a shell needs to complete commands and options'
complete -c nodens -n "__fish_nodens_using_subcommand generate; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c nodens -n "__fish_nodens_using_subcommand demo" -l port -d 'Port on 127.0.0.1 that the daemon answers on; 0 takes a free one' -r
complete -c nodens -n "__fish_nodens_using_subcommand demo" -l once -d 'End after the table; the exit code says whether every answer was the expected one'
complete -c nodens -n "__fish_nodens_using_subcommand demo" -s h -l help -d 'Print help'
complete -c nodens -n "__fish_nodens_using_subcommand help; and not __fish_seen_subcommand_from run ctl top node-cache audit check migrate generate demo help" -f -a "run" -d 'Answer queries until told to stop (the default)'
complete -c nodens -n "__fish_nodens_using_subcommand help; and not __fish_seen_subcommand_from run ctl top node-cache audit check migrate generate demo help" -f -a "ctl" -d 'Ask a daemon that runs, or tell it something'
complete -c nodens -n "__fish_nodens_using_subcommand help; and not __fish_seen_subcommand_from run ctl top node-cache audit check migrate generate demo help" -f -a "top" -d 'Watch a daemon that runs: queries, hits, latency, servers, clients, detections'
complete -c nodens -n "__fish_nodens_using_subcommand help; and not __fish_seen_subcommand_from run ctl top node-cache audit check migrate generate demo help" -f -a "node-cache" -d 'Answer queries with the flags, Corefile and ConfigMaps of node-local-dns\'s node-cache; see `nodens node-cache -help`'
complete -c nodens -n "__fish_nodens_using_subcommand help; and not __fish_seen_subcommand_from run ctl top node-cache audit check migrate generate demo help" -f -a "audit" -d 'Look at a CoreDNS Corefile as a security review does'
complete -c nodens -n "__fish_nodens_using_subcommand help; and not __fish_seen_subcommand_from run ctl top node-cache audit check migrate generate demo help" -f -a "check" -d 'Check a configuration file: print all its mistakes, or all that holds'
complete -c nodens -n "__fish_nodens_using_subcommand help; and not __fish_seen_subcommand_from run ctl top node-cache audit check migrate generate demo help" -f -a "migrate" -d 'Print what a Corefile means, as a configuration file, and what differs'
complete -c nodens -n "__fish_nodens_using_subcommand help; and not __fish_seen_subcommand_from run ctl top node-cache audit check migrate generate demo help" -f -a "generate" -d 'Print files that are made from the program itself'
complete -c nodens -n "__fish_nodens_using_subcommand help; and not __fish_seen_subcommand_from run ctl top node-cache audit check migrate generate demo help" -f -a "demo" -d 'Show a cache at work, without any network'
complete -c nodens -n "__fish_nodens_using_subcommand help; and not __fish_seen_subcommand_from run ctl top node-cache audit check migrate generate demo help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c nodens -n "__fish_nodens_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "status" -d 'Which daemon it is: version, configuration, listeners, processes, sandbox'
complete -c nodens -n "__fish_nodens_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "stats" -d 'How much it does: queries, hits, latency, memory, what was withheld'
complete -c nodens -n "__fish_nodens_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "upstreams" -d 'The servers it asks: state, latency, connections, failures by kind'
complete -c nodens -n "__fish_nodens_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "cache" -d 'The kept answers'
complete -c nodens -n "__fish_nodens_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "detections" -d 'What was detected lately: tunnels, floods, rebinding attempts'
complete -c nodens -n "__fish_nodens_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "top-names" -d 'The domains that are asked for most'
complete -c nodens -n "__fish_nodens_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "top-clients" -d 'The clients that ask most'
complete -c nodens -n "__fish_nodens_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "log-level" -d 'Write more or fewer log lines, until the configuration is read again'
complete -c nodens -n "__fish_nodens_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "reload" -d 'Read the configuration again, and say what came of it'
complete -c nodens -n "__fish_nodens_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "explain" -d 'What would happen to a query, and why; nothing is asked of a server unless --ask'
complete -c nodens -n "__fish_nodens_using_subcommand help; and __fish_seen_subcommand_from generate" -f -a "config" -d 'The reference configuration: every option with its default, range and unit'
complete -c nodens -n "__fish_nodens_using_subcommand help; and __fish_seen_subcommand_from generate" -f -a "metrics" -d 'The list of metrics, a chapter of the manual in Markdown'
complete -c nodens -n "__fish_nodens_using_subcommand help; and __fish_seen_subcommand_from generate" -f -a "plugins" -d 'The table of CoreDNS\'s plugins and what becomes of them, a part of the manual in Markdown'
complete -c nodens -n "__fish_nodens_using_subcommand help; and __fish_seen_subcommand_from generate" -f -a "man" -d 'A manual page'
complete -c nodens -n "__fish_nodens_using_subcommand help; and __fish_seen_subcommand_from generate" -f -a "completions" -d 'What a shell needs to complete commands and options'
