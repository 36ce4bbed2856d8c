// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// SentAs: how a type of others travels.

#include <morrow/detail/compiler.h>

namespace morrow {

/// \addtogroup values
/// \{

/// How values of a type travel that you can't change, or that has no default constructor: as values of another type.
/// `pack` makes one of them, `unpack` makes it of that again:
///
///     template <>
///     struct morrow::SentAs<geo::Point> {
///       static std::pair<double, double> pack(const geo::Point& point) { return {point.x(), point.y()}; }
///       static geo::Point unpack(std::pair<double, double> parts) { return geo::Point(parts.first, parts.second); }
///     };
///
/// The other type may be any that can be sent. Said before a T is sent for the first time; it goes before everything
/// else that is known of T.
template <class T>
struct SentAs {};

/// \}

}  // namespace morrow
