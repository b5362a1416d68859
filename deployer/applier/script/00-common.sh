# The host's side of deployer, part 1 of 6: words, events, the lock. POSIX sh and base tools only.
#
# Called as: sh -c SCRIPT deployer ROOT [QUESTION...]
# ROOT is empty on a real host; tests give a directory that stands for /.
# Every event is one line on standard output: "deployer", kind, fields, separated by tabs.
# The last event is "end": without it the script did not run to its end.

set -u
umask 022
LC_ALL=C; export LC_ALL
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"; export PATH
TAB=$(printf '\t')
R=$1
shift
D="$R/etc/deployer"
V="$R/var/lib/deployer"
NGINX_LOG="$R/var/log/nginx/error.log"
NGINX_PID="$R/run/nginx.pid"

# The orders, the archive and the decision come on descriptor 8; children never see them.
exec 8<&0 0</dev/null

# sudo may or may not have eaten a password line: all before the mark is not ours.
while IFS= read -r line <&8; do
    [ "$line" = deployer-begin ] && break
done

say() {
    kind=$1
    shift
    printf 'deployer\t%s' "$kind"
    for field in "$@"; do printf '\t%s' "$field"; done
    printf '\n'
}

# Pass what a command printed on to the operator, the last lines of it.
said() {
    tail -n 20 "$1" | tr '\t\r' '  ' | while IFS= read -r text; do say said "$text"; done
}

# Run a command that must neither read our input nor keep our lock alive in a daemon.
alone() { "$@" 8<&- 9<&-; }

now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

journal() {
    mkdir -p "$V" && printf '%s\t%s\t%s\t%s\n' "$(now)" "${WHO:--}" "$1" "${2:-}" >>"$V/journal"
}

# The name of the release that `current` points to, empty where there is none.
current() {
    link=$(readlink "$D/current" 2>/dev/null) || return 0
    printf '%s' "${link##*/}"
}

has_systemd() { [ -d "$R/run/systemd/system" ]; }

# Lines of a manifest: sha256 mode owner group identity path
manifest_paths() { [ -f "$1/manifest" ] && cut -d' ' -f6- "$1/manifest"; }

# Call function $1 with each line of $2; stops at the first failure.
each() {
    lines "$2" >"$T/each.$1"
    while IFS= read -r item <&4; do "$1" "$item" 4<&- || return 1; done 4<"$T/each.$1"
}

lines() { printf '%s\n' "$1" | sed '/^$/d'; }
