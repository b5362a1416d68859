# What a run leaves known to the looks that come after it.

# The files that decide what `nginx -V` says: the program, the OpenSSL that it is loaded with, what chooses that one.
nginx_files() {
    {
        printf '%s\n' "$NGINX" /etc/ld.so.cache
        # A loader that does not know this just runs the program, which tells its version.
        LD_TRACE_LOADED_OBJECTS=1 "$NGINX" -v 2>/dev/null | sed -n 's#.* => \(/[^ ]*lib\(ssl\|crypto\)[^ ]*\) .*#\1#p'
    } | while IFS= read -r file; do
        printf '%s\n' "$file"
        [ ! -L "$file" ] || readlink -f "$file"
    done
}

# Through a link or a wrapper other files decide than those that we could name. In tests nginx is a script.
is_indirect() { [ -L "$1" ] || { [ -z "$R" ] && [ "$(head -c 2 "$1")" = '#!' ]; }; }

# Whether the keys in $V/known/$1 still hold, file $2 being among them; what is known is in $known.
still_known() {
    known=$(cat "$V/known/$1") || return 1
    keys=$(printf '%s\n' "$known" | grep "^key$TAB")
    case "$keys$NL" in
        *"$TAB$2$NL"*) [ "$(find $(printf '%s\n' "$keys" | sed "s/.*$TAB//") -maxdepth 0 -printf "$KEY")" = "$keys" ] ;;
        *) false ;;
    esac
}

# Whether all packages that are asked for are among what is known.
all_known() {
    for name in $packages; do
        case "$NL$known" in
            *"${NL}package$TAB$name$TAB"*) ;;
            *) return 1 ;;
        esac
    done
}

# Keep as $V/known/$1 what $2 tells, a function and its arguments, and from which files: the rest. The keys come
# first, so that a change meanwhile is one that the next look notices.
keep_known() {
    known="$V/known/$1" tells=$2
    shift 2
    key=$(find "$@" -maxdepth 0 -printf "$KEY") || { rm -f "$known"; return 0; }
    { printf '%s\n' "$key" && $tells; } >"$known.new" && mv "$known.new" "$known"
}

# Where all looks before have found it to hold, and nothing was installed since, there is nothing to do.
remember() {
    [ "${KNOWN:-}$PACKAGES" = yes ] && return 0
    [ -d "$V/known" ] || mkdir -p "$V/known"
    find_nginx
    if [ -z "$NGINX" ] || is_indirect "$NGINX"; then
        rm -f "$V/known/nginx"
    else
        still_known nginx "$NGINX" || keep_known nginx tell_nginx $(nginx_files)
    fi
    packages=$(sed -n 's/^package://p' "$D/current/asks")
    [ -z "$packages" ] || { still_known packages "${DPKG%% *}" && all_known; } ||
        keep_known packages "tell_packages $packages" $DPKG
} 2>/dev/null
