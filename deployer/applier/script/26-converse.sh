# The conversation: one command answers all questions of a walk, and goes on as the applying half.
#
# After each report it reads on: "ask QUESTION" as often as needed, then "observe"; or "apply BYTES", so many bytes
# of script, and what that reads in turn. The end of its input ends it.

converse() {
    observe "$@"
    follow
}

follow() {
    set --
    while IFS= read -r order <&8; do
        case "$order" in
            'ask '*) set -- "$@" "${order#ask }" ;;
            observe)
                observe "$@"
                set --
                ;;
            'apply '*)
                HALF=$(head -c "${order#apply }" <&8)
                set -- apply
                eval "$HALF"
                ;;
        esac
    done
}
