# Live connections. What a reload finds under way, what it leaves to the old workers, what cuts that.

# Requests under way on the nginx of port $1, open WebSockets among them, in $LIVE; empty where it does not tell.
# They are counted in memory that outlives reloads, so those of draining workers are among them.
live_requests() {
    LIVE=
    [ -n "$1" ] || return 0
    ask_nginx "$1" deployer-connections
    case "$ANSWER" in
        *'Writing: '[0-9]*)
            LIVE=${ANSWER##*Writing: }
            # One of them is our own question.
            LIVE=$((${LIVE%%[!0-9]*} - 1))
            ;;
    esac
}

# Just before the reload that leads to release $1: what is under way, and what the running release does to it.
find_live() {
    running=$FROM
    [ "$1" = "$FROM" ] && running=$TO
    find_told "$D/releases/$running/root/etc/nginx/nginx.conf"
    live_requests "$PORT"
}

# Say what a reload of master $1 left to its old workers, $2 being all workers before it: no other can drain.
say_live() {
    count=0 staying=0
    tell_apart "$2"
    for worker in $draining; do
        held=$(connections_of "$worker" "$1")
        # Most are gone by now: one without connections ends at once.
        [ "$held" != 0 ] && [ -d "/proc/$worker" ] || continue
        count=$((count + 1))
        if [ -z "$held" ] || [ -z "$staying" ]; then staying=; else staying=$((staying + held)); fi
    done
    say live "$LIVE" "$staying" "$count" "$CUT_AFTER"
}

# Inodes of the sockets of process $1. In a container not even root may look into another user's
# process; that user may.
sockets_of() {
    { ls -l "/proc/$1/fd" 2>/dev/null ||
        alone setpriv --reuid "$(stat -c %u "/proc/$1")" --regid "$(stat -c %g "/proc/$1")" --clear-groups \
            ls -l "/proc/$1/fd" 2>/dev/null; } | sed -n 's/.*socket:\[\([0-9]*\)\]$/\1/p'
}

# Established connections of worker $1 of master $2 that visitors opened: their port here is one that nginx
# listens on, or at least none that the kernel picks for connections to backends. Nothing where they are hidden.
connections_of() {
    sockets=$(sockets_of "$1")
    [ -n "$sockets" ] || return 0
    # Not with `read`: byte by byte, this file ends after the first.
    set -- "$1" "$2" $(cat /proc/sys/net/ipv4/ip_local_port_range)
    {
        printf '%s\n' "$sockets" | sed 's/^/mine /'
        sockets_of "$2" | sed 's/^/master /'
        sed 's/^/tcp /' "/proc/$1/net/tcp" "/proc/$1/net/tcp6" 2>/dev/null
    } | awk -v low="$(printf '%04X' "$3")" -v high="$(printf '%04X' "$4")" '
        $1 == "mine" { mine[$2] = 1 }
        $1 == "master" { master[$2] = 1 }
        $1 == "tcp" {
            port = $3; sub(/.*:/, "", port)
            if ($5 == "0A" && ($11 in master)) listens[port] = 1
            if ($5 == "01" && ($11 in mine)) count[port]++
        }
        END {
            # Strings, not numbers: "1E10" is a port here.
            for (port in count)
                if ((port in listens) || port "" < low "" || port "" > high "") total += count[port]
            print total + 0
        }'
}
