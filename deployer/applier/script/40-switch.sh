# Switch, reload, confirm, and the way back.

ORIGINAL="$D/releases/original"

# Replace what $1 is by a symbolic link to $2, in one rename.
link_over() {
    [ -d "${1%/*}" ] || mkdir -p "${1%/*}" || return 1
    if [ -e "$1.deployer-new" ] || [ -L "$1.deployer-new" ]; then rm -rf "$1.deployer-new" || return 1; fi
    ln -s "$2" "$1.deployer-new" && mv -T "$1.deployer-new" "$1"
}

ours() { [ "$(readlink "$R$1" 2>/dev/null)" = "$D/current/root$1" ]; }

# Which of the managed paths are our links, seen at one go: most are. In $mine, TARGET TAB PATH.
find_mine() {
    set -f
    IFS=$NL
    live='' mine=''
    for path in $LINKS$UNLINKS$ABSENT$RESTORES; do live="$live$R$path$NL"; done
    [ -z "$live" ] || mine=$(find $live -maxdepth 0 -lname "$D/current/root/*" -printf '%l\t%p\n' 2>/dev/null)
    IFS=" $TAB$NL"
    set +f
}

# Call function $1 with each line of $2 that is not in $mine.
each_other() {
    others=
    set -f
    IFS=$NL
    for path in $2; do
        case "$NL$mine$NL" in
            *"$NL$D/current/root$path$TAB$R$path$NL"*) ;;
            *) others="$others$path$NL" ;;
        esac
    done
    IFS=" $TAB$NL"
    set +f
    each "$1" "$others"
}

managed_by() {
    [ "${LISTED:-}" = "$1" ] || LISTED=$1 MANAGED=$(manifest_paths "$D/releases/$1")
    case "$NL$MANAGED$NL" in
        *"$NL$2$NL"*) ;;
        *) false ;;
    esac
}

# Keep what was there before us, once. What others put in place of our file is a backup by now.
keep_original() {
    live="$R$1"
    [ -e "$live" ] || [ -L "$live" ] || return 0
    ours "$1" && return 0
    if [ -n "$FROM" ] && [ "$FROM" != original ] && known_to "$FROM" "$1"; then return 0; fi
    kept="$ORIGINAL/root$1"
    mkdir -p "${kept%/*}" && rm -rf "$kept" && cp -a "$live" "$kept"
}

# Put back what was there before us, or nothing if nothing was.
restore_original() {
    kept="$ORIGINAL/root$1"
    live="$R$1"
    if [ -e "$kept" ] || [ -L "$kept" ]; then
        mkdir -p "${live%/*}" && rm -rf "$live.deployer-new" && cp -a "$kept" "$live.deployer-new" &&
            mv -T "$live.deployer-new" "$live"
    elif ours "$1"; then
        rm -f "$live"
    fi
}

# The first time: `current` is what was there, and our links lead to the very same bytes.
adopt() {
    [ -n "$FROM" ] && return 0
    mkdir -p "$ORIGINAL/root" && ln -sfn "$D/releases/original" "$D/current" || return 1
    FROM=original
}

adopt_link() {
    [ -f "$ORIGINAL/root$1" ] && [ ! -L "$ORIGINAL/root$1" ] && ! ours "$1" || return 0
    link_over "$R$1" "$D/current/root$1"
}

make_link() { ours "$1" || link_over "$R$1" "$D/current/root$1"; }

remove_absent() {
    [ -e "$R$1" ] || [ -L "$R$1" ] || return 0
    printf '%s\n' "$1" >>"$P/removed" && rm -rf "$R$1"
}

point_current_at() {
    link_over "$D/current" "$D/releases/$1" || return 1
    sync_links
}

sync_links() { sync -f "$D" 2>/dev/null || sync; }

point_current_back() {
    find_current
    [ "$here" = "$FROM" ] && return 0
    if [ "$(readlink "$BACK_LINK")" = "$D/releases/$FROM" ]; then
        mv -T "$BACK_LINK" "$D/current" && sync_links
    else
        point_current_at "$FROM"
    fi
}

live_certificate() {
    readlink "$D/certs/$1" 2>/dev/null
}

switch_certificates() {
    for name in $CERTS; do
        link_over "$D/certs/$name" ".store/$name-$RUN" || return 1
    done
}

restore_certificates() {
    for pair in ${OLD_CERTS:-}; do
        [ -z "${pair#*=}" ] || link_over "$D/certs/${pair%%=*}" "${pair#*=}" || return 1
    done
}

switch() {
    phase switch
    WHY='the switch failed'
    find_mine
    {
        each_other keep_original "$LINKS$ABSENT" && adopt &&
            { [ "$FROM" != original ] || [ "$TO" = original ] || each adopt_link "$LINKS"; } &&
            journal switching "$FROM -> $TO" &&
            each restore_original "$UNLINKS$RESTORES" &&
            point_current_at "$TO" &&
            each_other make_link "$LINKS" && each remove_absent "$ABSENT" && switch_certificates
    } 2>"$T/said" || {
        said "$T/said"
        WHY="the switch failed: $(last_said)"
        return 1
    }
}

# One service order: NAME ACTION ENABLE.
act_on_service() {
    name=${1%% *}
    rest=${1#* }
    action=${rest%% *}
    if has_systemd && [ "${rest#* }" = yes ]; then
        alone systemctl enable "$name" >/dev/null 2>&1
    fi
    [ "$action" = none ] && return 0
    if [ "$name" = nginx ]; then
        nginx_act "$SERVING" || return 1
    else
        act_on_other "$name" "$action" || return 1
    fi
    say did "$action" "$name"
}

act_on_other() {
    has_systemd || { WHY="$1 cannot be managed: no systemd here"; return 1; }
    if ! alone systemctl is-active -q "$1"; then
        action=start
    elif [ "$action" = start ]; then
        # Its package started it when it was installed, before it had our files.
        action=restart
    fi
    alone systemctl "$action" "$1" >"$T/said" 2>&1 && alone systemctl is-active -q "$1" && return 0
    alone systemctl status --no-pager -n 5 "$1" >>"$T/said" 2>&1
    said "$T/said"
    WHY="$1 did not $action"
    return 1
}

act_on_services() {
    SERVING=$1
    case "$LINKS$UNLINKS" in
        # At boot the manager may still be reading them.
        */etc/systemd/system/*) if has_systemd; then alone systemctl ${BOOTING:+--no-block} daemon-reload; fi ;;
    esac
    each act_on_service "$SERVICES"
}

# Undo the switch, by the same means, and say whether that worked.
go_back() {
    say reverting "$1"
    journal reverting "$TO -> $FROM: $1"
    BACK=yes
    rm -f "$P/await"
    stuck=
    {
        each restore_original "$(cat "$P/removed")" && each unmake_link "$LINKS" && restore_certificates &&
            point_current_back && each make_link "$UNLINKS" && each remove_absent "$RESTORES"
    } 2>"$T/said" || {
        BACK=no
        stuck=$(last_said)
    }
    [ "$FROM" = original ] && each restore_original "$LINKS"
    act_on_services "$FROM" || BACK=no
    stuck=${stuck:-${WHY:-}}
    if [ "$BACK" = yes ]; then
        journal reverted "$TO -> $FROM: $1"
        say reverted "$FROM" "$1"
    else
        journal stuck "$TO -> $FROM: $1; going back failed too: $stuck"
        find_current
        say stuck "$here" "$1; going back failed too: $stuck"
    fi
    forget_way_back
    leave reverted
}

# A path that the former release does not know gets back what was there before us.
unmake_link() {
    [ "$FROM" = original ] || managed_by "$FROM" "$1" || restore_original "$1"
}

# The entries of folder $1 that are named by a time and by characters $2, but for the last KEEP: in $aged. What is not
# named as we name releases or runs is not ours to remove.
find_aged() {
    aged=
    for entry in "$1"/[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9]Z-*; do
        case "${entry##*Z-}" in *[!$2]*) ;; *) aged="$aged ${entry##*/}" ;; esac
    done
    set -- $aged
    aged=
    while [ "$#" -gt "$KEEP" ]; do
        aged="$aged $1"
        shift
    done
}

# Releases beyond the last KEEP go, never the current one nor the one before it.
prune_releases() {
    find_aged "$D/releases" 0-9a-f
    parent=$FROM
    [ -z "$aged" ] || [ "$PICK" = no ] || parent=$(sed -n 's/.*"parent": *"\([^"]*\)".*/\1/p' "$D/releases/$TO/release.json" 2>/dev/null)
    for old in $aged; do
        [ "$old" = "$TO" ] || [ "$old" = "$FROM" ] || [ "$old" = "$parent" ] || rm -rf "$D/releases/$old"
    done
}

# A pair that no name leads to; most often the name is its own.
prune_certificates() {
    for store in "$D"/certs/.store/*; do
        [ -d "$store" ] || continue
        name=${store##*/}
        for link in "$D/certs/${name%-*-*}" "$D"/certs/*; do
            [ "$link" -ef "$store" ] && continue 2
        done
        rm -rf "$store"
    done
}

# The controller looks at the sites now. Silence means that it is gone, or that it hangs.
await_decision() {
    # Not with `:`, whose failure would end this shell.
    true >"$P/await" || go_back "no room to wait for its confirmation"
    say await "$TO"
    # The guard ends this waiting with a signal when the time is over.
    wait "$EAR"
    find_decision "$?"
    case "$decision" in
        # The guard may end a waiting that is over.
        confirm) ;;
        leave) leave_decision ;;
        'revert '*) go_back "${decision#revert }" ;;
        '') go_back "nobody confirmed it within $CONFIRM s" ;;
        *) go_back "the controller went away before it confirmed" ;;
    esac
}

# The guard goes back when nobody decides.
leave_decision() {
    until=$(date -u -d "+$CONFIRM seconds" +%Y-%m-%dT%H:%M:%SZ)
    printf '%s, unconfirmed until %s' "$(cat "$D/lock")" "$until" >"$D/lock.new" && cat "$D/lock.new" >"$D/lock"
    rm -f "$D/lock.new"
    printf '%s' "$until" >"$P/left" || go_back "no room to note until when it waits"
    journal unconfirmed "$TO until $until"
    hand_lock_over
    say unconfirmed "$until"
    leave unconfirmed
}

# The guard looks for our lock each second. Until it has it we wait, or a look would find the host free in between.
hand_lock_over() {
    flock -u 9
    tries=0
    while flock -n "$D/lock" true 9>&- && [ "$tries" -lt 20 ]; do
        tries=$((tries + 1))
        sleep 0.2
    done
}

confirm() {
    phase confirm
    [ "$TO" = original ] || true >"$D/releases/$TO/confirmed" || go_back "it cannot be marked as confirmed"
    true >"$P/settled"
    journal confirmed "$TO"
    prune_releases
    prune_certificates
    remember
    forget_way_back
    leave ok
}

apply() {
    # When the connection dies we go on, to a proven end.
    trap '' HUP PIPE
    PHASE=stage
    read_orders || refuse "the connection ended before all orders were read"
    stage
    validate
    keep_backups
    require_controller
    prepare_way_back
    switch || {
        # Nothing is switched before there is something to go back to.
        [ -n "$FROM" ] || refuse "$WHY"
        go_back "$WHY"
    }
    phase reload
    act_on_services "$TO" || go_back "$WHY"
    each issue "$ACME"
    phase probe
    await_decision
    confirm
}
