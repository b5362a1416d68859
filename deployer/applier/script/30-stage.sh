# Orders, stage, validate. Until the switch no live path changes.

# End the run; $1 is its ending. Within another run, which goes on, it is not told. A lock file with nobody's name in it
# saves the looks to come a process.
leave() {
    if [ "${HOLDS:-}" = yes ] && [ "$1" != unconfirmed ]; then
        { true >"$D/lock" && { [ ! -x "$D/lock" ] || chmod 0644 "$D/lock"; }; } 2>/dev/null
    fi
    [ -n "${EAR:-}" ] && stop_child TERM "$EAR"
    [ -n "${CLOCK:-}" ] && stop_child TERM "$CLOCK"
    # By now the way back may be another run's.
    [ "${T:-$P}" = "$P" ] || drop "$T"
    [ "${WITHIN:-}" = yes ] || say end "$1"
    exit 0
}

# End the run before the switch: everything live is as it was.
refuse() {
    say refused "$PHASE" "$1"
    journal "refused" "${TO:-} $PHASE: $1"
    # Without the lock nothing there is ours to tidy up.
    if [ "${HOLDS:-}" = yes ]; then
        if [ "$PICK" != yes ]; then rm -rf "$D/releases/$TO"; fi
        drop "$D"/releases/.tmp-*
        drop_new_certificates
        forget_way_back
    fi
    leave refused
}

phase() {
    PHASE=$1
    say phase "$1"
}

# Orders are lines "KEYWORD FIELDS"; the last is "tar SIZE", and SIZE bytes of archive follow.
read_orders() {
    WHO='' FROM='' TO='' PICK=no KEEP=5 PACKAGES='' DIRS='' LINKS='' UNLINKS='' ABSENT='' CHECKS=''
    COMMANDS='' ACME='' CERTS='' SERVICES='' EXPECT='' RESTORES='' SIZE=0 CONFIRM=60 GO=60 ORDERS=''
    while IFS= read -r order <&8; do
        ORDERS="$ORDERS$order
"
        value=${order#* }
        case "$order" in
            'who '*) WHO=$value ;;
            'from '*) FROM=${value#-} ;;
            'to '*) TO=$value ;;
            'pick '*) PICK=$value ;;
            'keep '*) KEEP=$value ;;
            'confirm-within '*) CONFIRM=$value ;;
            'go-within '*) GO=$value ;;
            'nginx '*) EXPECT=$value ;;
            'package '*) PACKAGES="$PACKAGES $value" ;;
            'dir '*) DIRS="$DIRS$value
" ;;
            'link '*) LINKS="$LINKS$value
" ;;
            'unlink '*) UNLINKS="$UNLINKS$value
" ;;
            'restore '*) RESTORES="$RESTORES$value
" ;;
            'absent '*) ABSENT="$ABSENT$value
" ;;
            'check '*) CHECKS="$CHECKS$value
" ;;
            'command '*) COMMANDS="$COMMANDS$value
" ;;
            'acme '*) ACME="$ACME$value
" ;;
            'cert '*) CERTS="$CERTS $value" ;;
            'service '*) SERVICES="$SERVICES$value
" ;;
            'tar '*) SIZE=$value; return 0 ;;
        esac
    done
    return 1
}

make_folders() {
    [ -d "$D/releases" ] && [ -d "$D/certs/.store" ] && [ -d "$V" ] && return 0
    { mkdir -p "$D/releases" "$V" && { [ -d "$D/certs" ] || mkdir -m 0700 "$D/certs"; } && mkdir -p "$D/certs/.store"; } \
        2>"$T/said" && return 0
    said "$T/said"
    refuse "cannot create $D"
}

take_lock() {
    make_folders
    { true >>"$D/lock"; } 2>"$T/said" || {
        said "$T/said"
        refuse "cannot write to $D"
    }
    # The kernel drops this lock when we die, however we die.
    exec 9>>"$D/lock"
    # A guard that ends holds it for an instant.
    flock -w 2 9 || locked
    settle
    HOLDS=yes
    # Where a full disk has no room for the name its mode tells that somebody holds it.
    { printf '%s since %s' "$WHO" "$SINCE" >"$D/lock"; } 2>/dev/null || chmod 0744 "$D/lock"
    find_current
    [ "$here" = "$FROM" ] || {
        say moved "changed meanwhile: current is $here, the plan was made for ${FROM:-none}"
        leave moved
    }
    drop "$D"/releases/.tmp-*
}

locked() {
    say locked "$(tr '\t\n' '  ' <"$D/lock")"
    leave locked
}

install_packages() {
    [ -n "$PACKAGES" ] || return 0
    export DEBIAN_FRONTEND=noninteractive
    # A list that cannot be refreshed is no error yet: the package may still be had.
    alone apt-get -q -o DPkg::Lock::Timeout=60 update >"$T/said" 2>&1
    alone apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=60 \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
        install $PACKAGES >"$T/said" 2>&1 || {
        grep -e '^E: ' -e '^dpkg: error' "$T/said" >"$T/errors" || cp "$T/said" "$T/errors"
        said "$T/errors"
        refuse "apt-get could not install$PACKAGES"
    }
    for package in $PACKAGES; do say did install "$package"; done
}

# The templates were rendered for a version; on a bare host that was the expected one.
check_version() {
    [ -n "$EXPECT" ] && command -v nginx >/dev/null || return 0
    version=$(nginx -v 2>&1 | sed -n 's|.*nginx/\([0-9.]*\).*|\1|p')
    [ "$version" = "$EXPECT" ] && return 0
    rm -f "$V/known/nginx"
    say stale "$version"
    leave stale
}

receive_archive() {
    [ "$SIZE" -gt 0 ] || return 0
    mkdir "$NEW" || refuse "cannot create $NEW"
    # Files come with their modes, folders get what the umask leaves.
    { head -c "$SIZE" <&8 | tar -xpf - -C "$NEW"; } 2>"$T/said" || {
        said "$T/said"
        refuse "the release could not be unpacked"
    }
}

# Tell whether the files of the release in folder $1 have the bytes that its manifest says; in $owned what is said of
# those that are not root's, MODE OWNER GROUP, a line for each kind.
as_made() {
    owned=$(awk -v root="$1/root" -v sums="$T/sums" '
        BEGIN { printf "" >sums }
        {
            kind = $2 " " $3 " " $4
            if (kind !~ / root root$/ && !known[kind]++) print kind
            sum = $1; sub(/^[^ ]* [^ ]* [^ ]* [^ ]* [^ ]* /, "")
            print sum "  " root $0 >sums
        }' "$1/manifest") || return 1
    [ ! -s "$1/manifest" ] || sha256sum -c --quiet "$T/sums" >"$T/said" 2>/dev/null
}

own_file() {
    set -- $1
    chown "$3:$4" "$NEW/root$6" 2>"$T/said" && chmod "$2" "$NEW/root$6" && return 0
    said "$T/said"
    refuse "cannot give $6 to $3:$4"
}

# The files of kind $1, at a time.
own_kind() {
    files=$(awk -v kind="$1" -v root="$NEW/root" '$2 " " $3 " " $4 == kind {
        sub(/^[^ ]* [^ ]* [^ ]* [^ ]* [^ ]* /, "")
        print root $0
    }' "$NEW/manifest") || return 1
    set -- $1
    set -f
    IFS=$NL
    chown "$2:$3" $files && chmod "$1" $files
    status=$?
    IFS=" $TAB$NL"
    set +f
    return "$status"
}

# Every byte, owner and mode as the manifest says. What came is root's, with its mode; which file cannot be another's
# is told by each for itself.
check_archive() {
    [ -f "$NEW/manifest" ] || refuse "the release arrived without its manifest"
    as_made "$NEW" ||
        refuse "the release arrived damaged (is the disk full?)"
    each own_kind "$owned" 2>/dev/null || each own_file "$(cat "$NEW/manifest")"
}

# A release that is picked again is the one that was made: nobody edited it since.
check_kept() {
    [ "$TO" = original ] || [ ! -f "$D/releases/$TO/manifest" ] && return 0
    as_made "$D/releases/$TO" && return 0
    said "$T/said"
    refuse "release $TO was changed on the host since it was made"
}

# On disk before it is named: after a power cut a release is whole or absent.
finish_release() {
    sync -f "$NEW/manifest" 2>/dev/null || sync
    mv -T "$NEW" "$D/releases/$TO" || refuse "cannot name the release"
}

make_directory() {
    set -- $1
    case "$NL$made$NL" in
        *"$NL$1 $2 $3 $R$4$NL"*) [ ! -d "$R$4" ] || return 0 ;;
    esac
    mkdir -p "$R$4" 2>"$T/said" && chown "$2:$3" "$R$4" 2>"$T/said" && chmod "$1" "$R$4" && return 0
    said "$T/said"
    refuse "cannot make the directory $4"
}

# Most are there, and as they should be, which one process can see.
make_directories() {
    [ -n "$DIRS" ] || return 0
    set -f
    IFS=$NL
    wanted=
    for directory in $DIRS; do wanted="$wanted$R/${directory#*/}$NL"; done
    made=$(stat -L -c '%04a %U %G %n' $wanted 2>/dev/null)
    IFS=" $TAB$NL"
    set +f
    each make_directory "$DIRS"
}

decoded() { printf '%s' "$1" | base64 -d 2>/dev/null; }

# A guarded command: creates, unless, run, each in base64, "-" for none.
run_command() {
    set -- $1
    [ "$1" != - ] && [ -e "$R$(decoded "$1")" ] && return 0
    [ "$2" != - ] && alone sh -c "$(decoded "$2")" >/dev/null 2>&1 && return 0
    alone sh -c "$(decoded "$3")" >"$T/said" 2>&1 || {
        said "$T/said"
        refuse "a command failed: $(decoded "$3")"
    }
    say did run "$(decoded "$3")"
}

# Certificates are state: they live beside the releases, each pair in a folder of its own.
store_certificates() {
    for name in $CERTS; do
        store="$D/certs/.store/$name-$RUN"
        rm -rf "$store" && mv -T "$NEW/certs/$name" "$store" && chmod 0700 "$store" &&
            chmod 0600 "$store"/*.pem && (cd "$store" && sha256sum ./*.pem >sums) ||
            refuse "cannot store the certificate $name"
    done
    drop "$NEW/certs"
}

# A name that no certificate had yet goes live at once: nothing that serves refers to it. So does one whose pair
# was damaged: nginx serves from its memory, and with what is on disk it would refuse everything.
link_new_certificates() {
    NEW_CERTS=''
    for name in $CERTS; do
        (cd "$D/certs/$name" && sha256sum -c --status sums) 2>/dev/null && continue
        NEW_CERTS="$NEW_CERTS $name=$(readlink "$D/certs/$name" 2>/dev/null)"
        link_over "$D/certs/$name" ".store/$name-$RUN"
    done
}

drop_new_certificates() {
    for pair in ${NEW_CERTS:-}; do
        rm -f "$D/certs/${pair%%=*}"
        [ -z "${pair#*=}" ] || ln -s "${pair#*=}" "$D/certs/${pair%%=*}"
    done
    for name in ${CERTS:-}; do rm -rf "$D/certs/.store/$name-$RUN"; done
}

stage() {
    phase stage
    clear_dead
    make_folder || {
        say refused stage "$words"
        say end refused
        exit 0
    }
    NEW="$D/releases/.tmp-$TO"
    SINCE=$(date -u '+%Y-%m-%dT%H:%M:%SZ %Y%m%dT%H%M%SZ')
    RUN=${SINCE#* }-$$ SINCE=${SINCE% *}
    take_lock
    install_packages
    check_version
    receive_archive
    listen
    if [ "$PICK" = no ]; then check_archive; fi
    store_certificates
    if [ "$PICK" = no ]; then finish_release; fi
    [ -d "$D/releases/$TO" ] || refuse "there is no release $TO"
    if [ "$PICK" = yes ]; then check_kept; fi
    drop "$NEW"
    make_directories
    each run_command "$COMMANDS"
}

# nginx judges a new pair by itself: the tree under test still refers to the old one.
check_certificates() {
    command -v nginx >/dev/null || return 0
    for name in $CERTS; do
        store="$D/certs/.store/$name-$RUN"
        cat >"$T/check.conf" <<CONF
pid $T/check.pid; error_log stderr; events { }
http { access_log off; server { listen unix:$T/check.sock ssl; ssl_certificate $store/fullchain.pem; ssl_certificate_key $store/privkey.pem; } }
CONF
        alone nginx -t -q -c "$T/check.conf" >"$T/said" 2>&1 || {
            said "$T/said"
            refuse "nginx does not accept the certificate $name"
        }
    done
}

# A check is "PATH COMMAND", %s in the command being the staged file. A warning is a refusal too:
# a server name that two sites claim is no more than a warning to nginx.
run_check() {
    path=${1%% *} command=${1#* }
    staged="$D/releases/$TO/root$path"
    if [ "$TO" = original ]; then
        # What was there before us may include by relative names: test it where it will live.
        [ -f "$staged" ] || return 0
        cp -L "$staged" "$R${path%/*}/.deployer-check" || return 1
        staged="$R${path%/*}/.deployer-check"
    fi
    checking=
    while [ "${command#*%s}" != "$command" ]; do checking="$checking${command%%%s*}$staged" command=${command#*%s}; done
    checking=$checking$command had_pid=no
    [ -e "$NGINX_PID" ] && had_pid=yes
    alone sh -c "$checking" >"$T/said" 2>&1
    status=$?
    # `nginx -t` leaves an empty pid file behind where there was none.
    [ "$had_pid" = no ] && [ ! -s "$NGINX_PID" ] && rm -f "$NGINX_PID"
    [ "$TO" = original ] && rm -f "$staged"
    [ "$status" = 0 ] && { [ "$TO" = original ] || [ ! -s "$T/said" ] || ! grep -q '\[warn\]' "$T/said"; }
}

require_check() {
    run_check "$1" && return 0
    said "$T/said"
    refuse "${1#* }"
}

validate() {
    phase validate
    check_certificates
    link_new_certificates
    each require_check "$CHECKS"
}
