# SPDX-License-Identifier: MIT
# Run at the end of an installation, with the folder of the installed documentation as DOCUMENTS: there README.md lies beside the
# others, and what is only in the sources is named, not linked.
file(GLOB documents "$ENV{DESTDIR}${DOCUMENTS}/*.md")
foreach(document ${documents})
  file(READ "${document}" before)
  string(REPLACE "](docs/" "](" text "${before}")
  string(REPLACE "](../README.md" "](README.md" text "${text}")
  string(REPLACE "](../web/" "](../../failoverd/web/" text "${text}")
  string(REGEX REPLACE "\\[([^]]*)\\]\\((\\.\\./)?((HACKING|actions/|base/|bench/|tests/)[^)]*)\\)"
    "\\1 (`\\3` of the sources)" text "${text}")
  if(NOT text STREQUAL before)
    file(WRITE "${document}" "${text}")
  endif()
endforeach()
