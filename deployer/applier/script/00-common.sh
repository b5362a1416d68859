# The host's side of deployer, the common part: words, events, the journal. POSIX sh and base tools only.
#
# Called as: sh -c SCRIPT deployer ROOT OPERATION [ARGUMENT...]
# ROOT is empty on a real host; tests give a directory that stands for /.
# Every event is one line on standard output: "deployer", kind, fields, separated by tabs.
# The last event is "end": without it the script did not run to its end.
#
# Each process costs a busy host a millisecond. So what a function finds is in a variable, where $(...) would be a
# process more, and what the shell can tell by itself is asked of no program.

set -u
# What we test for before we set it is not to come from somebody's environment.
unset T EAR CLOCK HOLDS WITHIN PENDING BOOTING HALF TO FROM PICK CERTS OLD_CERTS NEW_CERTS RUN WHO AGAIN KNOWN
umask 022
LC_ALL=C; export LC_ALL
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"; export PATH
TAB='	'
NL='
'
R=$1
shift
D="$R/etc/deployer"
V="$R/var/lib/deployer"
P="$V/pending"
NGINX_LOG="$R/var/log/nginx/error.log"
NGINX_PID="$R/run/nginx.pid"

# Questions, orders, the archive and the decision come on descriptor 8; children never see them.
exec 8<&0 0</dev/null

# Sudo may or may not have eaten a password line: all before the mark is not ours.
after_password() {
    while IFS= read -r line <&8; do
        [ "$line" = deployer-begin ] && break
    done
    "$@"
}

say() {
    kind=$1
    shift
    # That nobody hears it is no failure of what it tells.
    {
        printf 'deployer\t%s' "$kind"
        for field in "$@"; do printf '\t%s' "$field"; done
        printf '\n'
    } 2>/dev/null || :
}

# Pass what a command printed on to the operator, the last lines of it.
said() {
    is_crowded "$1" && say said "no space left in ${T%/*}, not even for what the command said"
    tail -n 20 "$1" | tr '\t\r' '  ' | while IFS= read -r text; do say said "$text"; done
}

# Whether file $1 is empty because there is no room for a byte.
is_crowded() { [ ! -s "$1" ] && ! (printf . >"$T/room") 2>/dev/null; }

# The last line that $T/said got.
last_said() {
    if is_crowded "$T/said"; then printf 'no space left'; else tail -n 1 "$T/said" | tr '\t' ' '; fi
}

# Run a command that must neither read our input nor keep our lock alive in a daemon.
alone() { "$@" 8<&- 9<&-; }

journal() {
    { [ -d "$V" ] || mkdir -p "$V"; } &&
        printf '%s\t%s\t%s\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "${WHO:--}" "$1" "${2:-}" >>"$V/journal"
}

# The release that `current` leads to, in $here, empty where there is none; without a process where it leads straight.
find_current() {
    here=
    if cd -P "$D/current" 2>/dev/null && [ "$PWD" = "$D/releases/${PWD##*/}" ]; then
        here=${PWD##*/}
    elif [ -L "$D/current" ]; then
        here=$(readlink "$D/current")
        here=${here##*/}
    fi
    cd "$R/"
}

# The first line of file $1, which need not end, in $line; empty where there is none. Byte by byte: some files of /proc
# end after the first.
read_line() {
    line=
    { IFS= read -r line <"$1"; } 2>/dev/null || :
}

# Remove those of these files and folders that are there.
drop() {
    for left in "$@"; do
        if [ -e "$left" ] || [ -L "$left" ]; then
            rm -rf "$@"
            return
        fi
    done
}

# The run that is not settled: to, from, and until when where its controller left.
say_pending() {
    read_line "$P/from"
    former=$line
    read_line "$P/left"
    say pending "$(sed -n 's/^to //p' "$P/orders")" "$former" "$line"
}

has_systemd() { [ -d "$R/run/systemd/system" ]; }

# Lines of a manifest: sha256 mode owner group identity path
manifest_paths() { [ -f "$1/manifest" ] && cut -d' ' -f6- "$1/manifest"; }

# Call function $1 with each line of $2; stops at the first failure. Through no file: on a full disk a list would
# end early, and nobody would know.
each() {
    while IFS= read -r item <&4; do
        [ -z "$item" ] || "$1" "$item" 4<&- || return 1
    done 4<<LINES
$2
LINES
}
