// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// What programs say is bytes everywhere: names, lines, errors, paths. Only where a person or another program is shown
/// them they become text, by these functions. A byte that is no part of a character of UTF-8 is written as `\xe9`, four
/// characters; so is each byte of a control character, which could move a terminal's cursor, or turn the direction of
/// what follows. A backslash stays as it is: to show what was shown already changes nothing.
namespace morrow::base {

/// As a part of one line: a name, a cell of a table. Ends of lines and tabs are `\n`, `\r` and `\t`.
std::string shown_line(std::string_view text);

/// As a sentence, which may have several lines: ends of lines and tabs stay.
std::string shown_text(std::string_view text);

/// As a line that a task printed, for a terminal: tabs and colours stay.
std::string shown_output(std::string_view line);

/// As UTF-8 for JSON, which has escapes of its own for the control characters below a space: those stay.
std::string as_utf8(std::string_view text);

/// How many bytes of the beginning of a text remain when it ends within a character: without that character's.
std::size_t whole_characters(std::string_view text);

/// The beginning of a text, `most` bytes of it, but never a part of a character.
std::string_view beginning(std::string_view text, std::size_t most);

}  // namespace morrow::base
