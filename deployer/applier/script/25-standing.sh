# How the host stands. Asked for by `deployer certs` and `deployer status` only; changes nothing.

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

# Seconds since process $1 was started.
age_of() {
    started=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20)
    awk -v ticks="${started:-0}" -v hertz="$(getconf CLK_TCK 2>/dev/null || printf 100)" \
        '{ printf "%d", $1 - ticks / hertz }' /proc/uptime
}

observe_workers() {
    find_master || return 0
    find_workers "$master"
    for worker in $serving; do say_worker "$worker" serving; done
    for worker in $draining; do say_worker "$worker" draining; done
}

say_worker() { say worker "$1" "$2" "$(age_of "$1")" "$(connections_of "$1" "$master")"; }
