# Prints the code of C++, TypeScript or Python files without comments (and docstrings), line for line, as file:line:code. Strings stay.
FNR == 1 { in_comment = 0 }
FILENAME ~ /\.py$/ {
  quotes = gsub(/"""/, "&")
  docstring = in_comment || /^ *"""/
  if (quotes % 2 && docstring) in_comment = !in_comment
  print FILENAME ":" FNR ":" (docstring || /^ *#/ ? "" : $0)
  next
}
{
  rest = $0
  code = ""
  while (rest != "") {
    if (in_comment) {
      end = index(rest, "*/")
      if (!end) break
      rest = substr(rest, end + 2)
      in_comment = 0
    } else if (!match(rest, /\/\/|\/\*|["'`]/)) {
      code = code rest
      break
    } else {
      code = code substr(rest, 1, RSTART - 1)
      mark = substr(rest, RSTART, RLENGTH)
      rest = substr(rest, RSTART + RLENGTH)
      if (mark == "//") break
      if (mark == "/*") {
        in_comment = 1
        continue
      }
      code = code mark
      # A string to its closing quote; a quote that never closes on this line is a character like any other.
      if ((mark == "\"" && match(rest, /^([^"\\]|\\.)*"/)) || (mark == "'" && match(rest, /^([^'\\]|\\.)*'/)) ||
          (mark == "`" && match(rest, /^([^`\\]|\\.)*`/))) {
        code = code substr(rest, 1, RLENGTH)
        rest = substr(rest, RLENGTH + 1)
      }
    }
  }
  print FILENAME ":" FNR ":" code
}
