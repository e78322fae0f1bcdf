// Reads the records of a file, one after the other, through a window: 256 KiB, or the longest record if that is longer. The format is
// in segment.hpp.
//
// Nothing is believed: a length is compared with what is left of the file before memory is taken for it. What is to be made of a bad
// place is decided by who reads (recovery.hpp); here one can look for the next record behind it.
#ifndef TANDEM_STORE_SEGMENT_READER_HPP
#define TANDEM_STORE_SEGMENT_READER_HPP

#include <tandem/store/file_system.hpp>
#include <tandem/store/segment.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

namespace tandem::store {

// The header of the file, if it is whole; `size` is the file's.
template <durable_file File>
std::optional<segment_header> read_header(File& file, std::uint64_t& size, std::error_code& error) {
  size = file.size(error);
  std::array<std::byte, segment_format::header_bytes> bytes;
  std::size_t const n = error ? 0 : file.read(0, bytes, error);
  if (error) return std::nullopt;
  return decode_header(byte_view(bytes).first(n));
}

template <durable_file File>
class segment_reader {
 public:
  enum class outcome {
    record,  // header(), key() and value() are of it, until the next call
    end,     // of what is to be read
    bad,     // there is no whole record at place(): reason()
    failed   // the file cannot be read
  };

  // From the first record to `limit`, which is at most the file's size. `window`: that of another reader, whose memory is used.
  segment_reader(File& file, std::uint64_t limit, std::uint64_t salt, record_buffer window = {})
      : file_(file), limit_(limit), salt_(salt), place_(segment_format::header_bytes), window_(std::move(window)) {
    auto const n = static_cast<std::size_t>(std::min<std::uint64_t>(window_bytes, limit));
    if (window_.size() < n) window_.resize(n);
  }

  outcome next(std::error_code& error) {
    if (place_ >= limit_) return outcome::end;
    std::uint64_t const left = limit_ - place_;
    if (left < segment_format::record_bytes) return bad("the end comes within the header of a record");
    if (!has(segment_format::record_bytes) && !fetch(segment_format::record_bytes, error))
      return failed_or_short(error);
    std::optional<record_header> const h = decode_record(at(), salt_);
    if (!h) return bad("there is no header of a record, or a damaged one");
    if (left < h->bytes()) return bad("the end comes within a record");
    if (!has(h->bytes()) && !fetch(h->bytes(), error)) return failed_or_short(error);
    byte_view const payload(at() + segment_format::record_bytes, static_cast<std::size_t>(h->payload_bytes()));
    if (checksum(payload) != h->payload_sum) return bad("key or value of a record are damaged");
    header_ = *h;
    key_ = payload.first(h->key_bytes);
    value_ = payload.subspan(h->key_bytes);
    begin_ += static_cast<std::size_t>(h->bytes());
    place_ += h->bytes();
    return outcome::record;
  }

  // Of the next record.
  std::uint64_t place() const noexcept { return place_; }
  const record_header& header() const noexcept { return header_; }
  const std::byte* record() const noexcept { return key_.data() - segment_format::record_bytes; }
  byte_view key() const noexcept { return key_; }
  byte_view value() const noexcept { return value_; }
  std::string_view reason() const noexcept { return reason_; }

  // Whether header(), key() and value() of the records so far stay where they are when next() is called.
  bool keeps() const noexcept { return has(segment_format::record_bytes) && has(record_length(at())); }
  // Of a reader that is not used any more.
  record_buffer take_window() noexcept { return std::move(window_); }

  // Goes to another place.
  void seek(std::uint64_t to) noexcept {
    if (to >= place_ && to - place_ <= end_ - begin_) {
      begin_ += static_cast<std::size_t>(to - place_);
    } else {
      begin_ = end_ = 0;
    }
    place_ = to;
  }
  // Goes to the first whole record that begins behind `from`. False, and at the end, if there is none.
  bool find_after(std::uint64_t from, std::error_code& error) {
    std::array<std::byte, 8> mark;
    detail::store_little(salt_, mark.data());
    for (seek(from + 1); !error && place_ < limit_ && limit_ - place_ >= segment_format::record_bytes;) {
      if (!has(segment_format::record_bytes) && !fetch(segment_format::record_bytes, error)) break;
      byte_view const seen(at(), end_ - begin_);
      auto const found = std::search(seen.begin(), seen.end(), mark.begin(), mark.end());
      if (found == seen.end()) {
        seek(place_ + seen.size() - (mark.size() - 1));
        continue;
      }
      std::uint64_t const candidate = place_ + static_cast<std::uint64_t>(found - seen.begin());
      seek(candidate);
      bool const whole = next(error) == outcome::record;
      seek(whole ? candidate : candidate + 1);
      if (whole) return true;
    }
    if (!error) seek(limit_);
    return false;
  }

 private:
  static constexpr std::size_t window_bytes = std::size_t{256} << 10;
  static constexpr std::size_t long_record = std::size_t{4} << 10;

  const std::byte* at() const noexcept { return window_.data() + begin_; }
  outcome bad(std::string_view why) noexcept {
    reason_ = why;
    return outcome::bad;
  }
  outcome failed_or_short(const std::error_code& error) noexcept {
    return error ? outcome::failed : bad("the file is shorter than it was");
  }
  // The next n bytes are in the window.
  bool has(std::uint64_t n) const noexcept { return end_ - begin_ >= n; }
  // Afterwards they are. Precondition: there are so many up to the limit.
  bool fetch(std::uint64_t n, std::error_code& error) {
    std::memmove(window_.data(), at(), end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (window_.size() < n) window_.resize(static_cast<std::size_t>(n));
    std::uint64_t const from = place_ + end_;
    // Long records are mostly of a length: up to the end of one, so that no part of one is moved.
    std::size_t room = window_.size();
    if (std::uint64_t const last = header_.bytes(); last >= long_record && last <= room) {
      auto const whole = static_cast<std::size_t>(room / last * last);
      if (whole >= n && whole > end_) room = whole;
    }
    auto const wanted = static_cast<std::size_t>(std::min<std::uint64_t>(room - end_, limit_ - std::min(limit_, from)));
    end_ += file_.read(from, std::span(window_).subspan(end_, wanted), error);
    return !error && end_ >= n;
  }

  File& file_;
  std::uint64_t const limit_;
  std::uint64_t const salt_;
  std::uint64_t place_;
  record_buffer window_;
  std::size_t begin_ = 0;  // in the window, of place_
  std::size_t end_ = 0;
  record_header header_;
  byte_view key_;
  byte_view value_;
  std::string_view reason_;
};

}  // namespace tandem::store

#endif
