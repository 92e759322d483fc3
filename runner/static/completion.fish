# beacon completion for fish
function __beacon_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] completion "--current=$current" -- $words[2..-1] 2>/dev/null)
        if test "$line" = ":files"
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete -c beacon -f -a '(__beacon_complete)'
