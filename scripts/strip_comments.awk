# Prints the code of C++ or TypeScript files without comments, line for line, as file:line:code. Strings stay.
FNR == 1 { in_comment = 0 }
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
