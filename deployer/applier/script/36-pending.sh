# The way back, on disk before the switch: whoever lives on can go back, also after a reboot.
#
# $BACK_LINK leads to the former release: to go back is to rename it, which needs no room on the disk.
# $P has: script (all that applies), orders (of the controller), from, run and certs (of the run), removed (paths
# that the switch removed), main and guard (their pids), await (while the controller looks at the sites),
# left (the controller has left the decision to `deployer confirm` or the clock), decision, settled; and what those
# note who take the run up.

BACK_LINK="$D/current.back"
UNIT=deployer-pending.service
UNITS="$R/etc/systemd/system"

# Read on at once what the controller says. First "go", as soon as it has seen what it wants to see before the
# switch; then its decision, or "gone" where its input ends. On a full disk the line is lost, so the exit code says
# what matters of it. The clock is a `sleep` that the ear ends: softly for "go", hard where nothing can follow.
listen() {
    sleep "$GO" >/dev/null 2>&1 8<&- 9<&- &
    CLOCK=$!
    (
        while IFS= read -r heard <&8 && [ "$heard" = go ]; do stop_child TERM "$CLOCK"; done
        printf '%s' "${heard:-gone}" >"$T/heard"
        stop_child KILL "$CLOCK"
        case "$heard" in
            confirm) exit 3 ;;
            leave) exit 4 ;;
            'revert '*) exit 5 ;;
            *) exit 6 ;;
        esac
    ) >/dev/null 2>&1 9<&- &
    EAR=$!
}

# End child $2 by signal $1. The number may belong to somebody else by now, who is no child of ours.
stop_child() {
    { IFS= read -r stat <"/proc/$2/stat"; } 2>/dev/null || return 0
    case "${stat##*) }" in ?" $$ "*) kill -s "$1" "$2" ;; esac
}

# What the controller has decided, in $decision; $1 is how the waiting for `listen` ended.
find_decision() {
    read_line "$T/heard"
    decision=$line
    [ -z "$decision" ] || return 0
    case "$1" in
        3) decision=confirm ;;
        4) decision=leave ;;
        5) decision='revert for a reason that the full disk had no room for' ;;
        6) decision=gone ;;
    esac
}

# Nothing is switched before the controller says so: it may be looking at the sites still, or be dead.
require_controller() {
    wait "$CLOCK"
    case "$?" in
        0) refuse "the controller fell silent before the switch" ;;
        143) CLOCK='' ;;
        *) refuse "the controller went away before the switch" ;;
    esac
    read_line "$T/heard"
    [ "$line" != gone ] || refuse "the controller went away before the switch"
}

prepare_way_back() {
    OLD_CERTS=''
    for name in $CERTS; do OLD_CERTS="$OLD_CERTS $name=$(live_certificate "$name")"; done
    drop "$P" "$P.new"
    PENDING=yes
    {
        mkdir -m 0700 "$P.new" && printf '%s\n' "$COMMON" "$HALF" >"$P.new/script" &&
            printf '%s' "$ORDERS" >"$P.new/orders" &&
            printf '%s' "${FROM:-original}" >"$P.new/from" && printf '%s' "$OLD_CERTS" >"$P.new/certs" &&
            printf '%s' "$RUN" >"$P.new/run" && printf '%s' "$$" >"$P.new/main" &&
            : >"$P.new/removed" && : >"$P.new/said" &&
            ln -sfn "$D/releases/${FROM:-original}" "$BACK_LINK" && go_back_at_boot &&
            sync -f "$P.new" && mv -T "$P.new" "$P" && sync "$V"
    } 2>"$T/said" || {
        said "$T/said"
        refuse "cannot prepare the way back"
    }
    trap : USR1
    start_guard || refuse "the guard that would go back did not start"
}

# A unit that exists as long as the way back does: nginx starts after it.
go_back_at_boot() {
    has_systemd || return 0
    { [ -d "$UNITS/basic.target.wants" ] || mkdir -p "$UNITS/basic.target.wants"; } && cat >"$UNITS/$UNIT" <<CONF &&
[Unit]
Description=deployer: go back from a release that nobody confirmed
DefaultDependencies=no
# What is new in /tmp would be thrown away with what is old.
After=local-fs.target systemd-tmpfiles-setup.service
Before=basic.target
[Service]
Type=oneshot
ExecStart=/bin/sh $P/script "$R" boot
CONF
        ln -sfn "../$UNIT" "$UNITS/basic.target.wants/$UNIT"
}

forget_way_back() {
    [ "${PENDING:-}" = yes ] || return 0
    # Our notes go before $P, which has others remove them when we cannot.
    rm -rf "$UNITS/basic.target.wants/$UNIT" "$UNITS/$UNIT" "$T" "$P" "$P.new" "$BACK_LINK"
}

# The guard outlives us and our session: a process of systemd's where there is one, else one of its own session.
start_guard() {
    if has_systemd; then
        alone systemd-run --quiet --collect --unit="deployer-guard-$RUN" /bin/sh "$P/script" "$R" guard \
            >/dev/null 2>&1 && guard_is_there && return 0
    fi
    # Not by `alone`: the subshell that it makes here would hold our lock.
    setsid sh "$P/script" "$R" guard </dev/null >/dev/null 2>&1 8<&- 9<&- &
    guard_is_there
}

guard_is_there() {
    tries=0
    until [ -f "$P/guard" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || return 1
        sleep 0.02
    done
}

# For what we have to note, in $T; why there is none, in $words. The name has our pid, so that others can tell whether
# we live.
make_folder() { words=$(mktemp -d "${TMPDIR:-/tmp}/deployer.$$.XXXXXX" 2>&1) && T=$words; }

is_dead() {
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
    case "$stat" in *') Z '*) return 0 ;; esac
    return 1
}

# Such folders of runs that were killed: of our user, and of a process that is no more.
clear_dead() {
    for folder in "${TMPDIR:-/tmp}"/deployer.*.??????; do
        whose=${folder%.*}
        whose=${whose##*.}
        case "$whose" in '' | *[!0-9]*) continue ;; esac
        [ -d "$folder" ] && [ ! -L "$folder" ] && [ -O "$folder" ] && is_dead "$whose" && rm -rf "$folder"
    done
}

# Take up the run that $P is about; what we note goes there, where a file for it is: there may be no room for another.
resume() {
    exec 8<"$P/orders"
    read_orders || exit 1
    T=$P
    read_line "$P/from"
    FROM=$line
    read_line "$P/run"
    RUN=$line
    read_line "$P/certs"
    OLD_CERTS=$line PENDING=yes
}

# We hold the lock, and a former run has left its way back: it died, or its controller left and its guard is on its way.
settle() {
    [ -d "$P" ] || return 0
    if [ -f "$P/left" ]; then
        flock -u 9
        sleep 2
        flock -n 9 || locked
        [ -d "$P" ] || return 0
    fi
    (WITHIN=yes && resume && recover "its run died before it was confirmed")
}

# Go back, unless the run was through but for its last step.
recover() {
    clear_dead
    [ ! -f "$P/settled" ] || { forget_way_back; leave settled; }
    go_back "$1"
}
