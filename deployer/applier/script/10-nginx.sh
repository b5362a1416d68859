# Part 2 of 6: nginx. A reload is proven, not sent: an exit code of 0 says nothing about it.

# The port on loopback where the release in directory $1 tells its own name.
endpoint_port() {
    conf="$1/root/etc/nginx/nginx.conf"
    [ -f "$conf" ] && awk '
        match($0, /listen +127\.0\.0\.1:[0-9]+/) { port = substr($0, RSTART, RLENGTH); sub(/.*:/, "", port) }
        /location = \/deployer-release/ { print port; exit }' "$conf"
}

# Ask nginx on loopback port $1 which release it runs. A base system has at least one of these tools.
ask_release() {
    url="http://127.0.0.1:$1/deployer-release"
    if command -v curl >/dev/null; then
        curl -s -m 3 "$url"
    elif command -v bash >/dev/null; then
        timeout 3 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "GET /deployer-release HTTP/1.0\r\n\r\n" >&3 && tail -n 1 <&3' ask "$1"
    else
        wget -q -T 3 -O - "$url"
    fi 2>/dev/null | tr -d '\r\n' | tr -c 'A-Za-z0-9-' '?'
}

running_release() {
    port=$(endpoint_port "$D/current")
    [ -n "$port" ] && ask_release "$port"
}

is_nginx() {
    exe=$(readlink "/proc/$1/exe" 2>/dev/null) || return 1
    case "${exe% (deleted)}" in
        */nginx | */nginx.*) return 0 ;;
    esac
    # In tests nginx is a script: its interpreter is what /proc shows.
    [ -n "$R" ] && tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | grep -q "^nginx: "
}

# The pid of our master process. A pid file proves nothing: the number may belong to somebody else by now.
nginx_master() {
    pid=$(cat "$NGINX_PID" 2>/dev/null)
    case "$pid" in
        '' | *[!0-9]*) ;;
        *) is_nginx "$pid" && { printf '%s' "$pid"; return 0; } ;;
    esac
    [ -n "$R" ] && return 1
    for entry in /proc/[0-9]*; do
        tr '\0' ' ' <"$entry/cmdline" 2>/dev/null | grep -q '^nginx: master process' || continue
        # A container's nginx is visible here too; it lives in other namespaces.
        [ "$(readlink "$entry/ns/mnt")" = "$(readlink /proc/self/ns/mnt)" ] || continue
        is_nginx "${entry#/proc/}" && { printf '%s' "${entry#/proc/}"; return 0; }
    done
    return 1
}

# Pids of the workers of master $1 that take new connections.
nginx_workers() {
    for child in $(grep -l "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status 2>/dev/null); do
        child=${child#/proc/} child=${child%/status}
        tr '\0' ' ' <"/proc/$child/cmdline" 2>/dev/null | grep -q '^nginx: worker process' || continue
        tr '\0' ' ' <"/proc/$child/cmdline" 2>/dev/null | grep -q 'shutting down' || printf '%s\n' "$child"
    done
}

nginx_log_size() { stat -c %s "$NGINX_LOG" 2>/dev/null || printf 0; }

# New [emerg] lines since byte $1 that are final: while a port is busy nginx tries for some seconds.
nginx_emergencies() {
    tail -c "+$(($1 + 1))" "$NGINX_LOG" 2>/dev/null | grep '\[emerg\]' |
        grep -v -e 'bind() to .* failed' -e 'listen() to .* failed'
}

# Five new connections in a row must be answered by release $2 on port $1.
answers_as() {
    for attempt in 1 2 3 4 5; do
        [ "$(ask_release "$1")" = "$2" ] || return 1
    done
}

# Wait until only new workers of release $3 serve; $1 master, $2 old workers, $4 log offset.
nginx_proven() {
    port=$(endpoint_port "$D/current")
    tries=0
    while [ "$tries" -lt 100 ]; do
        tries=$((tries + 1))
        workers=$(nginx_workers "$1")
        stale=0
        for old in $2; do
            case " $(printf '%s' "$workers" | tr '\n' ' ') " in *" $old "*) stale=1 ;; esac
        done
        if [ "$stale" = 0 ] && [ -n "$workers" ]; then
            [ "$3" = original ] && return 0
            answers_as "$port" "$3" && return 0
        fi
        [ -n "$(nginx_emergencies "$4")" ] && return 1
        sleep 0.1
    done
    return 1
}

nginx_start() {
    rm -f "$T/said"
    if has_systemd; then
        alone systemctl start nginx >"$T/said" 2>&1
    else
        alone nginx >"$T/said" 2>&1
    fi
}

# Make nginx run the release that `current` points to, and prove it. $1 is that release.
nginx_act() {
    offset=$(nginx_log_size)
    if master=$(nginx_master); then
        old=$(nginx_workers "$master")
        kill -HUP "$master"
    else
        old=
        nginx_start || { said "$T/said"; WHY="nginx did not start"; return 1; }
        master=$(nginx_master) || { WHY="nginx does not run after its start"; return 1; }
    fi
    nginx_proven "$master" "$old" "$1" "$offset" && return 0
    tail -c "+$((offset + 1))" "$NGINX_LOG" 2>/dev/null | grep -e '\[emerg\]' | tail -n 5 >"$T/said"
    said "$T/said"
    WHY="nginx did not take the new configuration over"
    return 1
}
