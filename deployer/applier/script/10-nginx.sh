# Nginx. A reload is proven, not sent: an exit code of 0 says nothing about it.

# What configuration file $1 tells nginx: in $PORT the one on loopback where it is to tell its release's name, in
# $CUT_AFTER how long its draining workers may live on; empty for as long as they need.
find_told() {
    told=:
    [ ! -f "$1" ] || told=$(awk '
        match($0, /listen +127\.0\.0\.1:[0-9]+/) { near = substr($0, RSTART, RLENGTH); sub(/.*:/, "", near) }
        /location = \/deployer-release/ && !ends++ { port = near }
        $1 == "worker_shutdown_timeout" && !drained++ { sub(/;.*/, "", $2); drains = $2 }
        END { print port ":" drains }' "$1")
    PORT=${told%%:*} CUT_AFTER=${told#*:}
}

# Ask nginx on loopback port $1 for page $2, $3 times (1), over a connection each; the bodies, one after the other,
# are in $ANSWER. A base system has at least one of these tools; one process, where it can be had, is the quickest.
ask_nginx() {
    if command -v perl >/dev/null; then
        ANSWER=$(perl -e "$ASK" "$1" "$2" "${3:-1}" 2>/dev/null)
        return 0
    fi
    ANSWER=
    for visit in 1 2 3 4 5; do
        [ "$visit" -le "${3:-1}" ] || break
        ANSWER="$ANSWER${ANSWER:+$NL}$(ask_once "$1" "$2" 2>/dev/null)"
    done
}

# A stream is socket type 1, but 2 on MIPS. Modules that know would take longer than the answer.
ASK='alarm 3;
for (1 .. $ARGV[2]) {
    my $said = "";
    for my $stream (1, 2) {
        last if length $said;
        socket(S, 2, $stream, 0) && connect(S, pack("S n C4 x8", 2, $ARGV[0], 127, 0, 0, 1)) or next;
        syswrite S, "GET /$ARGV[1] HTTP/1.0\r\n\r\n";
        while (sysread S, my $more, 4096) { $said .= $more }
    }
    print $1 if $said =~ /\r\n\r\n(.*)/s;
}'

ask_once() {
    if command -v bash >/dev/null; then
        timeout 3 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "GET /%s HTTP/1.0\r\n\r\n" "$2" >&3 && tail -n 1 <&3' ask "$1" "$2"
    elif command -v curl >/dev/null; then
        curl -s -m 3 "http://127.0.0.1:$1/$2"
    else
        wget -q -T 3 -O - "http://127.0.0.1:$1/$2"
    fi
}

# The release that nginx on port $1 tells, in $ANSWER; what no release is called is told as ?.
ask_release() {
    ask_nginx "$1" deployer-release
    case "$ANSWER" in
        *[!A-Za-z0-9-]*) ANSWER=$(printf '%s' "$ANSWER" | tr -d '\r\n' | tr -c 'A-Za-z0-9-' '?') ;;
    esac
}

# Most often the usual program tells it without a process.
is_nginx() {
    [ "/proc/$1/exe" -ef /usr/sbin/nginx ] && return 0
    # In tests nginx is a script: its interpreter is what /proc shows.
    if [ -n "$R" ]; then
        read_line "/proc/$1/cmdline"
        case "$line" in "nginx: "*) return 0 ;; esac
    fi
    exe=$(readlink "/proc/$1/exe" 2>/dev/null) || return 1
    case "${exe% (deleted)}" in
        */nginx | */nginx.*) ;;
        *) return 1 ;;
    esac
}

# The pid of our master process, in $master. A pid file proves nothing: the number may belong to somebody else by now.
find_master() {
    read_line "$NGINX_PID"
    master=$line
    case "$master" in
        '' | *[!0-9]*) ;;
        *) is_nginx "$master" && return 0 ;;
    esac
    [ -z "$R" ] || return 1
    for entry in $(grep -lsz '^nginx: master process' /proc/[0-9]*/cmdline); do
        entry=${entry%/cmdline}
        master=${entry#/proc/}
        # A container's nginx is visible here too; it lives in other namespaces.
        [ "$entry/ns/mnt" -ef /proc/self/ns/mnt ] && is_nginx "$master" && return 0
    done
    return 1
}

# Which of processes $1 are workers, in $serving and in $draining: these take no new connections.
tell_apart() {
    serving='' draining=''
    for worker in $1; do
        read_line "/proc/$worker/cmdline"
        case "$line" in
            'nginx: worker process is shutting down'*) draining="$draining $worker" ;;
            'nginx: worker process'*) serving="$serving $worker" ;;
        esac
    done
}

# The workers of master $1, in $serving and in $draining.
find_workers() {
    children=
    for status in $(grep -l "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status 2>/dev/null); do
        child=${status#/proc/}
        children="$children ${child%/status}"
    done
    tell_apart "$children"
}

# Whether something final was written to the log since byte $1: while a port is busy nginx tries for some seconds.
has_emergency() {
    tail -c "+$(($1 + 1))" "$NGINX_LOG" 2>/dev/null | grep '\[emerg\]' |
        grep -qv -e 'bind() to .* failed' -e 'listen() to .* failed'
}

# Five new connections in a row must be answered by release $1 on port $2. The original one tells no name: then new
# workers of master $3 must do.
answers_as() {
    if [ "$1" = original ]; then
        find_workers "$3"
        [ -n "$serving" ]
    else
        ask_nginx "$2" deployer-release 5
        [ "$ANSWER" = "$1$NL$1$NL$1$NL$1$NL$1" ]
    fi
}

# Wait until only new workers of release $1 serve: $2 its port, $3 master, $4 old workers, $5 log offset. On a busy
# host that takes seconds; on an idle one an eighth of one, since nginx gives the new workers a tenth before it tells
# the old ones.
nginx_proven() {
    tries=0 pause=0.02
    [ -z "$4" ] || pause=0.125
    while [ "$tries" -lt 150 ]; do
        tries=$((tries + 1))
        tell_apart "$4"
        stale=$serving
        [ -z "$stale" ] && answers_as "$1" "$2" "$3" && return 0
        # Not each time: that takes three processes.
        [ $((tries % 8)) != 0 ] || ! has_emergency "$5" || return 1
        sleep "$pause"
        pause=0.02
        [ "$tries" -lt 50 ] || pause=0.1
    done
    return 1
}

# Which of the serving workers must end before release $1 is proven, in $old. On the way back those that served
# before this run may stay: a worker that hangs would not end for it either.
find_old() {
    old=
    if [ "$1" = "$FROM" ] && [ -f "$P/serving" ]; then
        read_line "$P/serving"
        for worker in $serving; do
            case " $line " in *" $worker "*) ;; *) old="$old $worker" ;; esac
        done
    else
        [ ! -d "$P" ] || printf '%s' "$serving" >"$P/serving"
        old=$serving
    fi
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
    offset=$(stat -c %s "$NGINX_LOG" 2>/dev/null)
    offset=${offset:-0} old='' before=''
    find_told "$D/releases/$1/root/etc/nginx/nginx.conf"
    port=$PORT
    if find_master; then
        find_workers "$master"
        before=$serving$draining
        find_old "$1"
        find_live "$1"
        kill -HUP "$master"
    else
        nginx_start || { said "$T/said"; WHY="nginx did not start"; return 1; }
        find_master || { WHY="nginx does not run after its start"; return 1; }
    fi
    if nginx_proven "$1" "$port" "$master" "$old" "$offset"; then
        [ -z "$before" ] || say_live "$master" "$before"
        return 0
    fi
    tail -c "+$((offset + 1))" "$NGINX_LOG" 2>/dev/null | grep -e '\[emerg\]' | tail -n 5 >"$T/said"
    said "$T/said"
    for worker in $stale; do say said "nginx's worker $worker, of the former configuration, still takes connections"; done
    WHY="nginx did not take the new configuration over"
    return 1
}
