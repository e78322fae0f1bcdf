// make_corpus FOLDER: writes the inputs from which the fuzzers of the stores begin, below FOLDER/<fuzzer>/. What is in corpus/ was made
// by this, but for what fuzzers have found: those have names that tell what they found.
#include <tandem/durable_store.hpp>
#include <tandem/timed_store.hpp>

#include "fuzz/log_files.hpp"
#include "support/simulated_files.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

using tandem::command_kind;
using store = tandem::timed_store<>;
using bytes = std::vector<std::byte>;

std::filesystem::path folder;  // NOLINT: of a program that makes files

void write(const char* fuzzer, const char* name, const std::string& content) {
  std::filesystem::create_directories(folder / fuzzer);
  std::ofstream(folder / fuzzer / name, std::ios::binary) << content;
}
std::string text(const bytes& b) { return std::string(reinterpret_cast<const char*>(b.data()), b.size()); }

tandem::timed_store_config one_shard() {
  tandem::timed_store_config c;
  c.shards = 1;
  return c;
}

template <class Store>
std::string saved(const Store& s, const tandem::snapshot_options& how = {}) {
  std::ostringstream out;
  s.save(out, how);
  return out.str();
}

// Some of everything.
void fill(store& s) {
  static_cast<void>(s.set("plain", "value", 3));
  static_cast<void>(s.set("expires", "v", 5, {.expire_in = 10}));
  static_cast<void>(s.set("both", "a longer value, which has an allocation", 300, {.expire_in = 10, .delete_in = 20}));
  static_cast<void>(s.set("lapsed", "x", 308, {.delete_in = 40}));
  static_cast<void>(s.expire("lapsed", 309));
  static_cast<void>(s.set("deleted", "y", 309, {.delete_in = 1}));
  static_cast<void>(s.set("erased", "y", 309));
  static_cast<void>(s.erase("erased", 310));
  static_cast<void>(s.set("", "", 310));
  s.collect();
  s.set_stale_horizon(3);
  s.advance(312);
}

void make_snapshots() {
  store empty(one_shard());
  write("snapshot", "empty", saved(empty));
  store s(one_shard());
  fill(s);
  write("snapshot", "everything", saved(s));
  tandem::snapshot_options small;
  small.block_bytes = 1;
  write("snapshot", "blocks", saved(s, small));
  write("snapshot", "two", saved(empty) + saved(empty));

  // With what has been replaced while it was saved.
  tandem::snapshot_options consistent;
  consistent.consistent = true;
  consistent.label = 312;
  consistent.on_begun = [&] { static_cast<void>(s.set("plain", "another value", 313)); };
  write("snapshot", "consistent", saved(s, consistent));

  tandem::timed_store<std::uint64_t, bool> numbers(one_shard());
  for (std::uint64_t i = 0; i != 5; ++i) static_cast<void>(numbers.set(i, i % 2 == 0, i, {.expire_in = i}));
  write("snapshot", "numbers", saved(numbers));
}

store::command command(command_kind what, std::string key = {}, std::string value = {}, std::uint64_t index = 0,
                       tandem::ttl t = {}) {
  store::command c;
  c.what = what;
  if (tandem::store::has_key(what)) c.key = std::move(key);
  if (tandem::store::has_value(what)) c.value = std::move(value);
  c.index = index;
  c.expire_in = t.expire_in;
  c.delete_in = t.delete_in;
  return c;
}

void make_commands() {
  constexpr unsigned back = 8, collects = 16, far = 32;
  std::string log;
  auto const begin = [&](bool any_order) { log = std::string(1, any_order ? '\1' : '\0'); };
  auto const add = [&](unsigned how, const store::command& c) {
    std::string const encoded = text(store::encode(c));
    log += static_cast<char>(how);
    log += static_cast<char>(encoded.size());
    log += encoded;
  };
  using enum command_kind;
  begin(false);
  add(1, command(set, "k", "v", 0, {5, 9}));
  add(1, command(set_if_unset, "k", "w"));
  add(1, command(touch, "k", "", 0, {2, 0}));
  add(1, command(compare_and_set, "k", "x", 3));
  add(1, command(persist, "k"));
  add(1, command(expire, "k"));
  add(1, command(compare_and_erase, "k", "", 6));
  add(1, command(erase, "l"));
  add(1 + collects, command(set_stale_horizon, "", "", 9));
  add(7 + collects, command(advance));
  write("commands", "each", log);

  begin(false);
  for (unsigned i = 0; i != 8; ++i) {
    add(1, command(set, std::string(1, static_cast<char>('a' + i % 4)), "v", 0, {i % 3, i}));
    add(2 + (i % 2 == 0 ? collects : 0U),
        command(touch, std::string(1, static_cast<char>('a' + i % 3)), "", 0, {i, 3}));
  }
  add(1 + collects, command(advance));
  write("commands", "deadlines", log);

  // A horizon ahead of the clock.
  begin(false);
  add(5, command(set, "k", "v"));
  add(1, command(erase, "k"));
  add(collects, command(set_stale_horizon, "", "", 1000));
  add(collects, command(set, "k", "w"));
  write("commands", "horizon", log);

  begin(true);
  add(7, command(set, "k", "v"));
  add(back + 3, command(set, "k", "late"));
  add(7, command(erase, "k"));
  add(back + 7, command(set, "k", "later"));
  write("commands", "late", log);

  begin(false);
  add(far, command(set, "k", "v", 0, {~std::uint64_t{0}, 100}));
  for (int i = 0; i != 16; ++i) add(7, command(set, "l", "v", 0, {1, 2}));
  add(7, command(erase, "k"));
  add(7 + collects, command(set_stale_horizon, "", "", ~std::uint64_t{0}));
  write("commands", "largest", log);
  write("commands", "none", std::string("\0\1\0\1\3\3\1k", 8));
}

void make_values() {
  auto const add = [](const char* name, int what, const std::string& content) {
    write("codec", name, static_cast<char>(what) + content);
  };
  add("string", 0, "text");
  add("bool", 1, std::string("\1", 1));
  add("bytes2", 2, "ab");
  add("bytes4", 3, "abcd");
  add("nan", 4, std::string("\1\0\0\0\0\0\360\177", 8));
  add("point", 5, "abcdefgh");
  add("object", 6, "\4text");
  add("lies", 7, "\377\377\377\377\17text");
  add("object8", 8, "\10abcdefgh");
  add("numbers", 10, std::string("\0\177\200\1\377\377\377\377\377\377\377\377\377\1\200\0", 16));
  bytes entry;
  tandem::store::entry_state state{5, 15, 25, tandem::store::entry_kind::live};
  std::string const key = "key", value = "value";
  tandem::store::append_entry(entry, key, state, &value);
  add("entry", 11, text(entry));
  entry.clear();
  state.kind = tandem::store::entry_kind::lapsed;
  tandem::store::append_entry<std::uint32_t, std::string>(entry, 7, state, nullptr);
  add("entry_of_numbers", 12, text(entry));
  add("command", 13, text(store::encode(command(command_kind::compare_and_set, "k", "v", 300, {1, 2}))));
}

// The folders of durable_store, as one input each.
struct simulated : tandem::durable_store_options {
  using file_system = tandem::test::simulated_files;
};
template <class K, class V, class F>
tandem::test::log_input made_by(std::size_t lanes, F f) {
  tandem::test::simulated_files const files;
  tandem::durable_options how;
  how.lanes = lanes;
  how.rotate_records = 3;
  auto s = tandem::durable_store<K, V, simulated>::open("/log", how, files);
  f(s);
  return tandem::test::log_input::of(files.image());
}

void make_logs() {
  auto const few = [](auto& s) {
    s.put("key", "a value", 7);
    s.put("key", "another", 7);
  };
  auto const everything = [](auto& s) {
    s.put("a", "1", 1);
    s.put("b", "2", 1);
    s.put("", "", 0);
    s.erase("a", 2);
    s.checkpoint();
    s.put("a", "late", 1);
    s.put("c", std::string(300, 'x'), ~std::uint64_t{0});
    s.erase("b", 1);
    s.put("d", "4", 4);
  };
  using text_type = std::string;
  auto const one = made_by<text_type, text_type>(1, few);
  write("log", "few", one.text());
  write("log", "everything", made_by<text_type, text_type>(1, everything).text());
  write("log", "lanes", made_by<text_type, text_type>(2, everything).text());
  auto closed = made_by<text_type, text_type>(1, [&](auto& s) {
    few(s);
    s.close();
  });
  write("log", "closed", closed.text());
  closed.files[0].second.resize(closed.files[0].second.size() - 50);
  write("log", "torn", closed.text());
  auto const numbers = made_by<std::uint32_t, bool>(1, [](auto& s) { s.put(7U, true, 1); });
  write("log", "numbers", numbers.text());
  // Of two stores.
  write("log", "two", one.text() + made_by<text_type, text_type>(1, few).text());
  auto later = one;
  later.files[0].second[8] = std::byte{2};
  later.make_sums_right();
  write("log", "version", later.text());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("make_corpus FOLDER\n", stderr), 2;
  folder = argv[1];
  make_snapshots();
  make_commands();
  make_values();
  make_logs();
  return 0;
}
