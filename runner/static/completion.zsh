#compdef beacon
# beacon completion for zsh
_beacon() {
  local -a found
  local line value told files
  for line in "${(@f)$("$words[1]" completion "--current=${(Q)PREFIX}" -- "${(@Q)words[2,CURRENT-1]}" 2>/dev/null)}"; do
    if [[ $line == :files ]]; then
      files=1
    elif [[ -n $line ]]; then
      value=${line%%$'\t'*}
      told=${line#*$'\t'}
      [[ $line == *$'\t'* ]] || told=
      found+=("${value//:/\\:}${told:+:$told}")
    fi
  done
  (( $#found )) && _describe beacon found
  [[ -n $files ]] && _files
}
if [[ $funcstack[1] == _beacon ]]; then
  _beacon "$@"
else
  compdef _beacon beacon ./beacon
fi
