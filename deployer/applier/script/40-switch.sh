# Part 6 of 6: switch, reload, confirm, and the way back.

ORIGINAL="$D/releases/original"

# Replace what $1 is by a symbolic link to $2, in one rename.
link_over() {
    mkdir -p "${1%/*}" && rm -rf "$1.deployer-new" && ln -s "$2" "$1.deployer-new" && mv -T "$1.deployer-new" "$1"
}

ours() { [ "$(readlink "$R$1" 2>/dev/null)" = "$D/current/root$1" ]; }

managed_by() { manifest_paths "$D/releases/$1" | grep -qxF -e "$2"; }

# Keep what was there before us, once. What others put in place of our file is kept as a backup.
keep_original() {
    live="$R$1"
    ours "$1" && return 0
    [ -e "$live" ] || [ -L "$live" ] || return 0
    if [ -n "$FROM" ] && [ "$FROM" != original ] && managed_by "$FROM" "$1"; then
        kept="$V/backup/$RUN$1"
    else
        kept="$ORIGINAL/root$1"
    fi
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
    REMOVED="$REMOVED$1
"
    rm -rf "$R$1"
}

point_current_at() {
    link_over "$D/current" "$D/releases/$1" || return 1
    sync -f "$D" 2>/dev/null || sync
}

live_certificate() {
    readlink "$D/certs/$1" 2>/dev/null
}

switch_certificates() {
    OLD_CERTS=''
    for name in $CERTS; do
        OLD_CERTS="$OLD_CERTS $name=$(live_certificate "$name")"
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
    WHY='the switch failed' REMOVED=''
    {
        each keep_original "$LINKS$ABSENT" && adopt &&
            { [ "$FROM" != original ] || [ "$TO" = original ] || each adopt_link "$LINKS"; } &&
            journal switching "$FROM -> $TO" &&
            each restore_original "$UNLINKS$RESTORES" &&
            point_current_at "$TO" &&
            each make_link "$LINKS" && each remove_absent "$ABSENT" && switch_certificates
    } 2>"$T/said" || {
        said "$T/said"
        WHY="the switch failed: $(tail -n 1 "$T/said" | tr '\t' ' ')"
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
        */etc/systemd/system/*) if has_systemd; then alone systemctl daemon-reload; fi ;;
    esac
    each act_on_service "$SERVICES"
}

# Undo the switch, by the same means, and say whether that worked.
go_back() {
    say reverting "$1"
    journal reverting "$TO -> $FROM: $1"
    BACK=yes
    each restore_original "${REMOVED:-}" && each unmake_link "$LINKS" && restore_certificates &&
        point_current_at "$FROM" && each make_link "$UNLINKS" && each remove_absent "$RESTORES" || BACK=no
    [ "$FROM" = original ] && each restore_original "$LINKS"
    act_on_services "$FROM" || BACK=no
    journal reverted "$TO -> $FROM: $1"
    rm -rf "$T"
    if [ "$BACK" = yes ]; then
        say reverted "$FROM" "$1"
    else
        say stuck "$(current)" "$1; going back failed too: $WHY"
    fi
    say end reverted
    exit 0
}

# A path that the former release does not know gets back what was there before us.
unmake_link() {
    [ "$FROM" = original ] || managed_by "$FROM" "$1" || restore_original "$1"
}

# Releases beyond the last KEEP go, never the current one nor the one before it.
prune() {
    parent=$(sed -n 's/.*"parent": *"\([^"]*\)".*/\1/p' "$D/releases/$TO/release.json" 2>/dev/null)
    ls "$D/releases" | grep -v '^original$' | sort -r | sed "1,${KEEP}d" | while IFS= read -r old; do
        [ "$old" = "$TO" ] || [ "$old" = "$parent" ] || [ "$old" = "$FROM" ] || rm -rf "$D/releases/$old"
    done
    for store in "$D"/certs/.store/*; do
        [ -d "$store" ] || continue
        readlink "$D"/certs/* | grep -qxF -e ".store/${store##*/}" || rm -rf "$store"
    done
}

# The controller looks at the sites now. Silence means that it is gone.
await_decision() {
    say await "$TO"
    decision=
    IFS= read -r decision <&8
    case "$decision" in
        confirm) ;;
        'revert '*) go_back "${decision#revert }" ;;
        *) go_back "the controller went away before it confirmed" ;;
    esac
}

confirm() {
    phase confirm
    if [ "$TO" != original ]; then : >"$D/releases/$TO/confirmed"; fi
    journal confirmed "$TO"
    prune
    rm -rf "$T"
    say end ok
}

apply() {
    # When the connection dies we go on, to a proven end.
    trap '' HUP PIPE
    read_orders
    stage
    validate
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
