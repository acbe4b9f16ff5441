# Writes the linker's version script from the header: a node for each version of the library, with the functions that say
# `Since:` so. Each node inherits from the one before it.

/^ \* Since: [0-9.]+[0-9]/ {
    since = $3
    sub(/\.$/, "", since)
}

# A declaration that begins with its type and names a function before the parenthesis.
/^[a-z].*[ *]pellucid_[a-z0-9_]+\(/ && !/^typedef/ {
    name = $0
    sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name)
    if (!(since in functions)) versions[++count] = since
    functions[since] = functions[since] "        " name ";\n"
}

function number(version, parts) {
    split(version, parts, ".")
    return parts[1] * 1000 + parts[2]
}

END {
    for (i = 1; i <= count; i++)
        for (j = i + 1; j <= count; j++)
            if (number(versions[j]) < number(versions[i])) {
                swapped = versions[i]
                versions[i] = versions[j]
                versions[j] = swapped
            }
    for (i = 1; i <= count; i++) {
        printf "PELLUCID_%s {\n    global:\n%s", versions[i], functions[versions[i]]
        if (i == 1) print "    local:\n        *;"
        print (i == 1 ? "};" : "} PELLUCID_" versions[i - 1] ";")
    }
}
