# Part 3b of 5: how the host stands. Asked for by `deployer certs` and `deployer status` only; changes nothing.

# Every pair as it lies on disk, intact or not; the key itself is never read beyond its checksum.
observe_stored() {
    for dir in "$D"/certs/*; do
        [ -f "$dir/fullchain.pem" ] || continue
        intact=no
        [ -f "$dir/sums" ] && (cd "$dir" && sha256sum -c --status sums 2>/dev/null) && intact=yes
        say stored "${dir##*/}" "$intact" "$(stat -L -c '%a %U %G' "$dir/privkey.pem" 2>/dev/null)" \
            "$(base64 <"$dir/fullchain.pem" | tr -d '\n')"
    done
}

# Inodes of the sockets of process $1. In a container not even root may look into another user's
# process; that user may.
sockets_of() {
    { ls -l "/proc/$1/fd" 2>/dev/null ||
        alone setpriv --reuid "$(stat -c %u "/proc/$1")" --regid "$(stat -c %g "/proc/$1")" --clear-groups \
            ls -l "/proc/$1/fd" 2>/dev/null; } | sed -n 's/.*socket:\[\([0-9]*\)\]$/\1/p'
}

# Established connections of process $1 that visitors opened: their port here is one that nginx listens on,
# or at least none that the kernel picks for connections to backends.
connections_of() {
    sockets=$(sockets_of "$1")
    [ -n "$sockets" ] || return 0
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

# Seconds since process $1 was started.
age_of() {
    started=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20)
    awk -v ticks="${started:-0}" -v hertz="$(getconf CLK_TCK 2>/dev/null || printf 100)" \
        '{ printf "%d", $1 - ticks / hertz }' /proc/uptime
}

observe_workers() {
    master=$(nginx_master) || return 0
    # Not with `read`: byte by byte, this file ends after the first.
    set -- $(cat /proc/sys/net/ipv4/ip_local_port_range)
    for child in $(grep -l "^PPid:[[:space:]]*$master\$" /proc/[0-9]*/status 2>/dev/null); do
        child=${child#/proc/} child=${child%/status}
        title=$(tr '\0' ' ' <"/proc/$child/cmdline" 2>/dev/null)
        case "$title" in
            'nginx: worker process is shutting down'*) state=draining ;;
            'nginx: worker process'*) state=serving ;;
            *) continue ;;
        esac
        say worker "$child" "$state" "$(age_of "$child")" "$(connections_of "$child" "$master" "$1" "$2")"
    done
}
