# beacon completion for bash
_beacon() {
  local found
  COMPREPLY=()
  while IFS= read -r found; do
    if [[ $found == :files ]]; then
      compopt -o default
    else
      found=${found%%$'\t'*}
      COMPREPLY+=("$found")
      [[ $found == *= ]] && compopt -o nospace
    fi
  done < <("${COMP_WORDS[0]}" completion "--line=${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
}
complete -F _beacon beacon ./beacon
