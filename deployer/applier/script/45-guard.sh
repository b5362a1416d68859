# The guard: goes back when the run dies or nobody decides. And who decides instead of the controller.

still_pending() {
    read_line "$P/run"
    [ "$line" = "$RUN" ]
}

# A process of its own, from before the switch until the run is settled.
guard() {
    trap '' HUP
    resume
    read_line "$P/main"
    main=$line
    exec 9>>"$D/lock"
    printf '%s' "$$" >"$P/guard"
    waited=0
    while sleep 1 9<&- && still_pending; do
        # The kernel gives us the lock when the run is dead.
        flock -n 9 && take_over
        if [ -f "$P/await" ]; then
            waited=$((waited + 1))
            [ "$waited" -le "$CONFIRM" ] || kill -USR1 "$main"
        fi
    done
    leave settled
}

take_over() {
    still_pending || leave settled
    HOLDS=yes
    [ -f "$P/left" ] || recover "its run died before it was confirmed"
    waited=0
    while [ "$waited" -lt "$CONFIRM" ] && [ ! -f "$P/decision" ]; do
        sleep 1 9<&-
        waited=$((waited + 1))
    done
    carry_decision_out
}

carry_decision_out() {
    read_line "$P/decision"
    case "$line" in
        'confirm '*) WHO=${line#confirm } && confirm ;;
        'revert '*) go_back "taken back by ${line#revert }" ;;
        *) go_back "nobody confirmed it within $CONFIRM s" ;;
    esac
}

# When the host went down in between: nothing runs yet, so the links are all there is to put back.
boot() {
    [ -d "$P" ] || exit 0
    resume
    exec 9>>"$D/lock"
    flock -n 9 || exit 0
    SERVICES='' BOOTING=yes HOLDS=yes
    recover "the host went down before it was confirmed"
}

# What `deployer confirm` and `deployer rollback` ask for: decide "confirm WHO" | "revert WHO".
decide() {
    [ "$(id -u)" = 0 ] || [ -n "$R" ] || { say unprivileged "$(id -un)"; leave refused; }
    [ -f "$P/run" ] || leave none
    read_line "$P/run"
    RUN=$line
    [ -f "$P/left" ] || locked
    say_pending
    printf '%s' "$1" >"$P/decision.new" && mv "$P/decision.new" "$P/decision" || {
        say refused confirm "cannot write to $P"
        leave refused
    }
    exec 9>>"$D/lock"
    tries=0
    while still_pending && [ "$tries" -lt 300 ]; do
        # The guard is dead: then we are it.
        if flock -n 9 && still_pending; then (HOLDS=yes && resume && carry_decision_out); fi
        tries=$((tries + 1))
        sleep 0.2
    done
    find_current
    say serving "$here"
    leave decided
}
