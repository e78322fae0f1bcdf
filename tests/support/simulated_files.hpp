// A file system in memory that remembers what was synced, so that tests can ask: what may a crash here leave?
//
// simulated_files models tandem::durable_file_system (store/file_system.hpp). It is a handle: copies are the same file system.
//
//   simulated_files files;
//   { auto s = store::open("/folder", options, files); s.put(...); ... }        // every call that changes something is a step
//   files.for_each_crash({}, [&](const crash_state& c) {                        // a crash after each step, each way it may end
//     simulated_files left(c.image);                                            // what is found after it: all of it synced
//     auto s = store::open("/folder", options, left);
//     ... c.after <= files.steps() ...                                          // how many steps had been made
//   });
//
// **What a crash may leave** is what the documentation of file_system.hpp says:
//   * a file has what was written before its last sync. Each write after it is kept, lost or torn, on its own: those after a lost
//     one may be kept (with crash_options::out_of_order, otherwise a file has its first ones). A write is torn between two
//     sectors of 512 bytes of the file, of which the upper or the lower ones are kept; or only the length of the file is. What
//     was never written, below something that was, is zeros.
//   * each truncation after the last sync is kept or lost.
//   * each creation, renaming and removal of a name after the last sync of its folder is kept or lost, on its own. A renaming is
//     one step: there is the old name or the new one. A file that no name leads to is gone. Folders are names in their folders.
//   * locks are gone; the lock file, which holds no data, is there.
// All ways are tried if there are no more than crash_options::at_most of them, else so many at random, and both extremes:
// everything kept, everything lost. At random, any of the sectors of a write may be missing.
//
// **Failures** are ordered by fail(): the n-th call of a kind from then on. What failed has not happened, but
//   * append: as many bytes as asked for have been written;
//   * sync: as on Linux. What was not yet synced stays to be read, and may be kept or lost by a crash for ever: later syncs succeed
//     and are not about it;
//   * sync_folder: what was not synced is still not synced, a later one syncs it;
//   * close: the file is closed.
// A limit of bytes (limit_bytes) makes appends write what fits, and fail with no_space_on_device.
//
// Left out: links, several renamings between folders at once (cross_device_link), permissions, and time.
//
// Thread safe, a file included: one mutex. A function given to before_each() is called without it, and may wait.
#ifndef TANDEM_TESTS_SUPPORT_SIMULATED_FILES_HPP
#define TANDEM_TESTS_SUPPORT_SIMULATED_FILES_HPP

#include <tandem/store/bytes.hpp>
#include <tandem/store/file_system.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace tandem::test {

using file_bytes = std::vector<std::byte>;

// Files by their paths, "/folder/name"; folders have no bytes.
using file_image = std::map<std::string, std::optional<file_bytes>>;

inline std::uint64_t hash_of(const file_image& image) noexcept {
  std::uint64_t h = 0;
  for (auto const& [path, bytes] : image) {
    h = store::checksum(std::as_bytes(std::span(path)), h ^ (bytes ? 1 : 2));
    if (bytes) h = store::checksum(*bytes, h);
  }
  return h;
}

enum class file_call : std::uint8_t {
  create,  // open() of a new file
  open,    // and of one that is there
  append,
  read,
  size,
  truncate,
  sync,
  close,
  rename,
  remove,
  create_folder,
  sync_folder,
  list,
  lock,
  any
};
inline constexpr std::size_t file_calls = static_cast<std::size_t>(file_call::any);

struct file_failure {
  file_call call = file_call::any;
  std::uint64_t nth = 0;  // of the calls from now on; the first is 0
  std::uint64_t times = 1;
  std::errc error = std::errc::io_error;
  std::uint64_t written = 0;  // of an append that fails
  std::string path = {};      // of paths that have this in them; of files, as they were opened
  static constexpr std::uint64_t for_ever = std::numeric_limits<std::uint64_t>::max();
};

struct crash_options {
  std::size_t from = 0;        // the first step after which it may happen
  std::size_t every = 1;       // after each of so many
  std::size_t at_most = 1000;  // ways per place
  bool out_of_order = true;    // of writes to one file
  std::uint32_t seed = 1;
};

struct crash_state {
  std::size_t after = 0;  // steps
  file_image image;
  bool all_ways = false;  // were tried at this place
  unsigned torn = 0;      // writes of which a part is there
  unsigned lost = 0;      // writes and truncations
  unsigned lost_names = 0;
  unsigned holes = 0;  // kept after a lost one, in one file
};

namespace detail {

inline constexpr std::uint64_t sector = 512;

// The disk, and what has not reached it. Replaying the same steps gives the same disk, with the same nodes.
class simulated_disk {
 public:
  struct step {
    enum kind_type { create, make_folder, make_lock, rename, remove, sync_folder, write, truncate, sync, lose } kind;
    std::size_t node = 0;  // of a file, or the folder of a name
    std::string name = {};
    std::string to = {};
    std::uint64_t place = 0;
    std::shared_ptr<const file_bytes> bytes = {};
  };
  enum class state_of { unsynced, doubtful, synced };
  struct change {
    bool is_write;
    std::uint64_t place;  // or the length
    std::shared_ptr<const file_bytes> bytes;
    state_of state;
  };
  struct name_change {
    std::string from, to;  // empty: a creation, a removal
    std::size_t node;
  };
  struct node {
    bool is_folder = false;
    file_bytes content;  // as it is read now
    file_bytes base;     // as it was when all changes before `changes` were synced
    std::vector<change> changes;
    std::map<std::string, std::size_t> names;
    std::map<std::string, std::size_t> synced_names;
    std::vector<name_change> name_changes;
  };

  simulated_disk() : nodes_(1) { nodes_[0].is_folder = true; }
  explicit simulated_disk(const file_image& image) : simulated_disk() {
    for (auto const& [path, bytes] : image) {
      std::filesystem::path const where(path);
      std::size_t folder = 0;
      for (auto const& part : where.parent_path().relative_path()) folder = nodes_[folder].names.at(part.string());
      node made;
      made.is_folder = !bytes;
      if (bytes) made.content = made.base = *bytes;
      nodes_.push_back(std::move(made));
      nodes_[folder].names[where.filename().string()] = nodes_.size() - 1;
      nodes_[folder].synced_names = nodes_[folder].names;
    }
  }

  const node& operator[](std::size_t n) const { return nodes_[n]; }
  std::size_t next_node() const noexcept { return nodes_.size(); }

  void apply(const step& s) {
    switch (s.kind) {
      case step::create:
      case step::make_folder:
      case step::make_lock:
        nodes_.emplace_back().is_folder = s.kind == step::make_folder;
        nodes_[s.node].names[s.name] = nodes_.size() - 1;
        if (s.kind == step::make_lock) {
          nodes_[s.node].synced_names[s.name] = nodes_.size() - 1;
        } else {
          nodes_[s.node].name_changes.push_back({"", s.name, nodes_.size() - 1});
        }
        break;
      case step::rename:
      case step::remove: {
        node& folder = nodes_[s.node];
        std::size_t const moved = folder.names.at(s.name);
        folder.names.erase(s.name);
        if (!s.to.empty()) folder.names[s.to] = moved;
        folder.name_changes.push_back({s.name, s.to, moved});
        break;
      }
      case step::sync_folder:
        nodes_[s.node].synced_names = nodes_[s.node].names;
        nodes_[s.node].name_changes.clear();
        break;
      case step::write:
      case step::truncate: {
        node& file = nodes_[s.node];
        file.changes.push_back({s.kind == step::write, s.place, s.bytes, state_of::unsynced});
        make(file.content, file.changes.back());
        break;
      }
      case step::sync:
      case step::lose: {
        node& file = nodes_[s.node];
        for (change& c : file.changes) {
          if (c.state == state_of::unsynced) {
            c.state = s.kind == step::sync ? state_of::synced : state_of::doubtful;
          }
        }
        auto const kept = std::find_if(file.changes.begin(), file.changes.end(),
                                       [](const change& c) { return c.state != state_of::synced; });
        for (auto c = file.changes.begin(); c != kept; ++c) make(file.base, *c);
        file.changes.erase(file.changes.begin(), kept);
        break;
      }
    }
  }

  // Calls f(state) for what a crash may leave now.
  template <class Random, class F>
  void for_each_crash(const crash_options& how, std::size_t after, Random& random, const F& f) const {
    std::vector<point> const all = points(how.out_of_order);
    std::uint64_t ways = 1;
    for (point const& p : all) ways = ways > how.at_most ? ways : ways * p.options;
    if (ways <= how.at_most) {
      std::vector<std::size_t> option(all.size(), 0);
      for (bool more = true; more;) {
        std::vector<fate> fates;
        for (std::size_t i = 0; i != all.size(); ++i) fates.push_back(fate_of(all[i], option[i]));
        f(left(all, fates, how.out_of_order, after, true));
        more = false;
        for (std::size_t i = 0; i != all.size() && !more; ++i) {
          more = ++option[i] != all[i].options;
          if (!more) option[i] = 0;
        }
      }
      return;
    }
    for (std::size_t n = 0; n != how.at_most; ++n) {
      std::vector<fate> fates;
      for (point const& p : all) {
        fates.push_back(n < 2 ? fate_of(p, n) : random_fate(p, how.out_of_order, random));
      }
      f(left(all, fates, how.out_of_order, after, false));
    }
  }

 private:
  // One thing that may have happened or not.
  struct point {
    std::size_t node;
    std::size_t change;   // of the file, or the names of the folder
    std::size_t sectors;  // of a write; otherwise 0
    std::size_t options;
  };
  struct fate {
    bool happened = false;  // as a whole
    std::vector<bool> sectors = {};
    bool extends = false;
  };

  static std::size_t sectors_of(std::uint64_t place, std::uint64_t n) noexcept {
    return n == 0 ? 1 : static_cast<std::size_t>((place + n - 1) / sector - place / sector + 1);
  }
  std::vector<bool> reachable() const {
    std::vector<bool> found(nodes_.size(), false);
    found[0] = true;
    // Made later than its folder: one pass.
    for (std::size_t n = 0; n != nodes_.size(); ++n) {
      if (!found[n]) continue;
      for (auto const& [name, to] : nodes_[n].synced_names) found[to] = true;
      for (auto const& c : nodes_[n].name_changes) found[c.node] = true;
    }
    return found;
  }
  std::vector<point> points(bool out_of_order) const {
    std::vector<point> all;
    auto const found = reachable();
    for (std::size_t n = 0; n != nodes_.size(); ++n) {
      if (!found[n]) continue;
      for (std::size_t i = 0; i != nodes_[n].name_changes.size(); ++i) all.push_back({n, i, 0, 2});
      for (std::size_t i = 0; i != nodes_[n].changes.size(); ++i) {
        change const& c = nodes_[n].changes[i];
        if (c.state == state_of::synced) continue;
        std::size_t const sectors = c.is_write ? sectors_of(c.place, c.bytes->size()) : 0;
        std::size_t options = 2;
        if (c.is_write) options = out_of_order ? 2 * sectors + 1 : sectors + 1;
        all.push_back({n, i, sectors, options});
      }
    }
    return all;
  }
  // 0: lost, 1: kept; of a write then its first sectors, its last ones, its length.
  static fate fate_of(const point& p, std::size_t option) {
    if (option == 0) return {};
    if (option == 1) return {.happened = true};
    std::vector<bool> kept(p.sectors, false);
    if (option <= p.sectors) {
      std::fill_n(kept.begin(), option - 1, true);
      return {.sectors = std::move(kept)};
    }
    std::size_t const last = 2 * p.sectors - option;  // as many
    std::fill(kept.end() - static_cast<std::ptrdiff_t>(last), kept.end(), true);
    return {.sectors = std::move(kept), .extends = true};
  }
  template <class Random>
  static fate random_fate(const point& p, bool out_of_order, Random& random) {
    std::size_t const dice = random() % 8;
    if (p.sectors == 0 || dice < 5) return fate_of(p, dice % 2);
    std::size_t const options = out_of_order ? 2 * p.sectors + 1 : p.sectors + 1;
    if (dice < 7 || !out_of_order) return fate_of(p, random() % options);
    std::vector<bool> kept(p.sectors);
    for (std::size_t i = 0; i != kept.size(); ++i) kept[i] = random() % 2 == 0;
    return {.sectors = std::move(kept), .extends = random() % 2 == 0};
  }

  static void put(file_bytes& to, std::uint64_t place, std::span<const std::byte> bytes) {
    std::uint64_t const end = place + bytes.size();
    if (to.size() < end) to.resize(static_cast<std::size_t>(end));
    std::copy(bytes.begin(), bytes.end(), to.begin() + static_cast<std::ptrdiff_t>(place));
  }
  static void make(file_bytes& to, const change& c) {
    if (c.is_write) {
      put(to, c.place, *c.bytes);
    } else {
      to.resize(static_cast<std::size_t>(c.place));
    }
  }
  static void make_part(file_bytes& to, const change& c, const fate& of) {
    std::span<const std::byte> const all(*c.bytes);
    std::uint64_t const first = c.place / sector;
    for (std::size_t i = 0; i != of.sectors.size(); ++i) {
      if (!of.sectors[i]) continue;
      std::uint64_t const from = std::max(c.place, (first + i) * sector);
      std::uint64_t const end = std::min(c.place + all.size(), (first + i + 1) * sector);
      put(to, from, all.subspan(static_cast<std::size_t>(from - c.place), static_cast<std::size_t>(end - from)));
    }
    std::uint64_t const end = c.place + all.size();
    if (of.extends && to.size() < end) to.resize(static_cast<std::size_t>(end));
  }

  crash_state left(const std::vector<point>& all, std::vector<fate>& fates, bool out_of_order, std::size_t after,
                   bool all_ways) const {
    crash_state result;
    result.after = after;
    result.all_ways = all_ways;
    std::vector<file_bytes> contents(nodes_.size());
    std::vector<std::map<std::string, std::size_t>> names(nodes_.size());
    for (std::size_t i = 0; i != all.size();) {
      // The points of a node are together, and in order.
      std::size_t const n = all[i].node;
      if (nodes_[n].is_folder) {
        names[n] = nodes_[n].synced_names;
        for (; i != all.size() && all[i].node == n; ++i) {
          name_change const& c = nodes_[n].name_changes[all[i].change];
          if (!fates[i].happened) {
            ++result.lost_names;
            continue;
          }
          if (c.to.empty()) {
            auto const old = names[n].find(c.from);
            if (old != names[n].end() && old->second == c.node) names[n].erase(old);
          } else {
            // Also from where a renaming that was lost has left it.
            if (!c.from.empty()) std::erase_if(names[n], [&](auto const& one) { return one.second == c.node; });
            names[n][c.to] = c.node;
          }
        }
        continue;
      }
      contents[n] = nodes_[n].base;
      bool something_lost = false;
      bool in_order_until_here = true;
      for (std::size_t c = 0; c != nodes_[n].changes.size(); ++c) {
        change const& made = nodes_[n].changes[c];
        if (made.state == state_of::synced) {
          make(contents[n], made);
          continue;
        }
        fate& of = fates[i++];
        if (made.state == state_of::unsynced && !out_of_order) {
          if (!in_order_until_here) of = {};
          in_order_until_here = of.happened;
        }
        bool const is_torn = !of.happened && std::find(of.sectors.begin(), of.sectors.end(), true) != of.sectors.end();
        if (of.happened) {
          make(contents[n], made);
        } else if (!of.sectors.empty()) {
          make_part(contents[n], made, of);
        }
        if (is_torn) ++result.torn;
        if (!of.happened && !is_torn) ++result.lost;
        if (something_lost && (of.happened || is_torn)) ++result.holes;
        something_lost = something_lost || !of.happened;
      }
    }
    // Nodes without points are as they are.
    for (std::size_t n = 0; n != nodes_.size(); ++n) {
      if (std::any_of(all.begin(), all.end(), [&](const point& p) { return p.node == n; })) continue;
      if (nodes_[n].is_folder) {
        names[n] = nodes_[n].synced_names;
      } else {
        contents[n] = nodes_[n].base;
        for (change const& c : nodes_[n].changes) make(contents[n], c);  // synced, all of them
      }
    }
    collect(0, "", names, contents, result.image);
    return result;
  }
  void collect(std::size_t folder, const std::string& path,
               const std::vector<std::map<std::string, std::size_t>>& names, const std::vector<file_bytes>& contents,
               file_image& image) const {
    for (auto const& [name, n] : names[folder]) {
      std::string const here = path + '/' + name;
      if (nodes_[n].is_folder) {
        image[here] = std::nullopt;
        collect(n, here, names, contents, image);
      } else {
        image[here] = contents[n];
      }
    }
  }

  std::vector<node> nodes_;
};

}  // namespace detail

class simulated_files {
  using disk = detail::simulated_disk;
  using step = disk::step;

  struct state {
    explicit state(const file_image& image) : start(image), now(start) {}

    // Whether the call is to fail, and how. Counts it.
    const file_failure* reach(file_call call, const std::filesystem::path& path) {
      ++calls[static_cast<std::size_t>(call)];
      const file_failure* found = nullptr;
      for (ordered& f : failures) {
        if (f.what.call != call && f.what.call != file_call::any) continue;
        if (path.string().find(f.what.path) == std::string::npos) continue;
        std::uint64_t const n = f.seen++;
        if (n < f.what.nth || n - f.what.nth >= f.what.times) continue;
        found = &f.what;
      }
      if (found != nullptr) ++failed;
      return found;
    }
    bool fails(file_call call, const std::filesystem::path& path, std::error_code& error) {
      const file_failure* const f = reach(call, path);
      if (f != nullptr) error = std::make_error_code(f->error);
      return f != nullptr;
    }
    void make(step s) {
      now.apply(s);
      steps.push_back(std::move(s));
    }

    std::optional<std::size_t> find(const std::filesystem::path& path) const {
      std::size_t at = 0;
      for (auto const& part : path.lexically_normal().relative_path()) {
        if (part.empty() || part == ".") continue;
        if (!now[at].is_folder) return std::nullopt;
        auto const found = now[at].names.find(part.string());
        if (found == now[at].names.end()) return std::nullopt;
        at = found->second;
      }
      return at;
    }
    std::optional<std::size_t> find_folder(const std::filesystem::path& path, std::error_code& error) const {
      auto const found = find(path);
      if (!found) {
        error = std::make_error_code(std::errc::no_such_file_or_directory);
      } else if (!now[*found].is_folder) {
        error = std::make_error_code(std::errc::not_a_directory);
        return std::nullopt;
      }
      return found;
    }
    std::uint64_t used() const {
      std::uint64_t bytes = 0;
      std::set<std::size_t> counted;
      count_used(0, counted, bytes);
      return bytes;
    }
    std::uint64_t room() const {
      if (most_bytes == std::numeric_limits<std::uint64_t>::max()) return most_bytes;
      std::uint64_t const bytes = used();
      return most_bytes > bytes ? most_bytes - bytes : 0;
    }
    void count_used(std::size_t folder, std::set<std::size_t>& counted, std::uint64_t& bytes) const {
      for (auto const& [name, n] : now[folder].names) {
        if (!counted.insert(n).second) continue;
        bytes += now[n].content.size();
        if (now[n].is_folder) count_used(n, counted, bytes);
      }
    }

    struct ordered {
      file_failure what;
      std::uint64_t seen = 0;
    };
    std::mutex mutex;
    disk start;
    disk now;
    std::vector<step> steps;
    std::vector<ordered> failures;
    std::uint64_t failed = 0;
    std::array<std::uint64_t, file_calls> calls{};
    std::uint64_t most_bytes = std::numeric_limits<std::uint64_t>::max();
    std::map<std::size_t, std::string> locks;  // who holds it
    std::function<void(file_call, const std::filesystem::path&)> before_each;
  };
  // Every call begins with one.
  class entered {
   public:
    entered(state& s, file_call call, const std::filesystem::path& path) : lock_(s.mutex) {
      if (!s.before_each) return;
      auto const f = s.before_each;
      lock_.unlock();
      f(call, path);
      lock_.lock();
    }

   private:
    std::unique_lock<std::mutex> lock_;
  };

 public:
  class file_type {
   public:
    file_type() noexcept = default;

    std::uint64_t append(std::span<const std::span<const std::byte>> parts, std::error_code& error) {
      if (!may(may_write, std::errc::bad_file_descriptor, error)) return 0;
      entered const in(*at_, file_call::append, path_);
      auto all = std::make_shared<file_bytes>();
      for (auto const& part : parts) all->insert(all->end(), part.begin(), part.end());
      if (auto const* const f = at_->reach(file_call::append, path_)) {
        error = std::make_error_code(f->error);
        all->resize(std::min<std::size_t>(all->size(), static_cast<std::size_t>(f->written)));
      }
      std::uint64_t const room = at_->room();
      if (all->size() > room) {
        all->resize(static_cast<std::size_t>(room));
        if (!error) error = std::make_error_code(std::errc::no_space_on_device);
      }
      std::uint64_t const n = all->size();
      if (n != 0) at_->make({.kind = step::write, .node = node_, .place = content().size(), .bytes = std::move(all)});
      return n;
    }
    std::size_t read(std::uint64_t place, std::span<std::byte> to, std::error_code& error) const {
      if (!may(may_read, std::errc::bad_file_descriptor, error)) return 0;
      entered const in(*at_, file_call::read, path_);
      if (at_->fails(file_call::read, path_, error)) return 0;
      file_bytes const& all = content();
      std::size_t const from = static_cast<std::size_t>(std::min<std::uint64_t>(place, all.size()));
      std::size_t const n = std::min(to.size(), all.size() - from);
      std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(from), n, to.begin());
      return n;
    }
    std::uint64_t size(std::error_code& error) const {
      if (!may(may_read, std::errc::bad_file_descriptor, error)) return 0;
      entered const in(*at_, file_call::size, path_);
      return at_->fails(file_call::size, path_, error) ? 0 : content().size();
    }
    void truncate(std::uint64_t n, std::error_code& error) {
      if (!may(may_write, std::errc::invalid_argument, error)) return;
      entered const in(*at_, file_call::truncate, path_);
      if (at_->fails(file_call::truncate, path_, error)) return;
      at_->make({.kind = step::truncate, .node = node_, .place = n});
    }
    void sync(std::error_code& error) {
      if (!may(may_read, std::errc::bad_file_descriptor, error)) return;
      entered const in(*at_, file_call::sync, path_);
      bool const failed = at_->fails(file_call::sync, path_, error);
      at_->make({.kind = failed ? step::lose : step::sync, .node = node_});
    }
    void close(std::error_code& error) {
      if (!may(may_read, std::errc::bad_file_descriptor, error)) return;
      {
        entered const in(*at_, file_call::close, path_);
        at_->fails(file_call::close, path_, error);
      }
      at_ = nullptr;
    }

   private:
    friend simulated_files;
    enum right { may_read, may_write };
    file_type(std::shared_ptr<state> at, std::size_t node, bool writes, std::filesystem::path path)
        : at_(std::move(at)), node_(node), writes_(writes), path_(std::move(path)) {}
    bool may(right what, std::errc otherwise, std::error_code& error) const {
      bool const yes = at_ != nullptr && (what == may_read || writes_);
      if (!yes) error = std::make_error_code(at_ == nullptr ? std::errc::bad_file_descriptor : otherwise);
      return yes;
    }
    const file_bytes& content() const { return at_->now[node_].content; }

    std::shared_ptr<state> at_;
    std::size_t node_ = 0;
    bool writes_ = false;
    std::filesystem::path path_;
  };

  class lock_type {
   public:
    lock_type() noexcept = default;
    lock_type(lock_type&& other) noexcept : at_(std::move(other.at_)), node_(other.node_) {}
    lock_type& operator=(lock_type&& other) noexcept {
      std::swap(at_, other.at_);
      std::swap(node_, other.node_);
      return *this;
    }
    ~lock_type() {
      if (!at_) return;
      std::lock_guard const hold(at_->mutex);
      at_->locks.erase(node_);
    }
    explicit operator bool() const noexcept { return at_ != nullptr; }

   private:
    friend simulated_files;
    lock_type(std::shared_ptr<state> at, std::size_t node) noexcept : at_(std::move(at)), node_(node) {}
    std::shared_ptr<state> at_;
    std::size_t node_ = 0;
  };

  // Everything of it is synced.
  explicit simulated_files(const file_image& image = {}) : at_(std::make_shared<state>(image)) {}

  // What durable_file_system asks for.

  file_type open(const std::filesystem::path& path, open_mode mode, std::error_code& error) const {
    file_call const call = mode == open_mode::create ? file_call::create : file_call::open;
    entered const in(*at_, call, path);
    if (at_->fails(call, path, error)) return {};
    auto found = at_->find(path);
    if (mode == open_mode::create) {
      auto const folder = at_->find_folder(path.parent_path(), error);
      if (!folder) return {};
      if (found) {
        error = std::make_error_code(std::errc::file_exists);
        return {};
      }
      found = at_->now.next_node();
      at_->make({.kind = step::create, .node = *folder, .name = path.filename().string()});
    } else if (!found || at_->now[*found].is_folder) {
      error = std::make_error_code(found ? std::errc::is_a_directory : std::errc::no_such_file_or_directory);
      return {};
    }
    return file_type(at_, *found, mode != open_mode::read, path);
  }
  void rename(const std::filesystem::path& from, const std::filesystem::path& to, std::error_code& error) const {
    entered const in(*at_, file_call::rename, from);
    if (at_->fails(file_call::rename, from, error)) return;
    auto const folder = at_->find_folder(from.parent_path(), error);
    auto const other = at_->find_folder(to.parent_path(), error);
    if (!folder || !other) return;
    if (!at_->find(from)) {
      error = std::make_error_code(std::errc::no_such_file_or_directory);
    } else if (*folder != *other) {
      error = std::make_error_code(std::errc::cross_device_link);
    } else if (from.filename() != to.filename()) {
      at_->make(
          {.kind = step::rename, .node = *folder, .name = from.filename().string(), .to = to.filename().string()});
    }
  }
  void remove(const std::filesystem::path& path, std::error_code& error) const {
    entered const in(*at_, file_call::remove, path);
    if (at_->fails(file_call::remove, path, error)) return;
    auto const found = at_->find(path);
    if (!found || at_->now[*found].is_folder) {
      error = std::make_error_code(found ? std::errc::is_a_directory : std::errc::no_such_file_or_directory);
      return;
    }
    at_->make({.kind = step::remove, .node = *at_->find(path.parent_path()), .name = path.filename().string()});
  }
  void create_folder(const std::filesystem::path& path, std::error_code& error) const {
    entered const in(*at_, file_call::create_folder, path);
    if (at_->fails(file_call::create_folder, path, error)) return;
    std::filesystem::path here;
    std::size_t at = 0;
    for (auto const& part : path.lexically_normal().relative_path()) {
      if (part.empty() || part == ".") continue;
      here /= part;
      if (!at_->find(here)) at_->make({.kind = step::make_folder, .node = at, .name = part.string()});
      auto const made = at_->find_folder(here, error);
      if (!made) return;
      at = *made;
    }
  }
  void sync_folder(const std::filesystem::path& path, std::error_code& error) const {
    entered const in(*at_, file_call::sync_folder, path);
    if (at_->fails(file_call::sync_folder, path, error)) return;
    auto const found = at_->find_folder(path, error);
    if (found) at_->make({.kind = step::sync_folder, .node = *found});
  }
  std::vector<std::string> list(const std::filesystem::path& path, std::error_code& error) const {
    entered const in(*at_, file_call::list, path);
    std::vector<std::string> names;
    if (at_->fails(file_call::list, path, error)) return names;
    auto const found = at_->find_folder(path, error);
    if (!found) return names;
    for (auto const& [name, n] : at_->now[*found].names) names.push_back(name);
    // Nobody may count on their order.
    std::ranges::sort(names, {}, [](const std::string& s) { return store::checksum(std::as_bytes(std::span(s))); });
    return names;
  }
  lock_type try_lock(const std::filesystem::path& path, const std::string& who, std::string& holder,
                     std::error_code& error) const {
    entered const in(*at_, file_call::lock, path);
    if (at_->fails(file_call::lock, path, error)) return {};
    auto const folder = at_->find_folder(path.parent_path(), error);
    if (!folder) return {};
    if (!at_->find(path)) {
      at_->make({.kind = step::make_lock, .node = *folder, .name = path.filename().string()});
    }
    std::size_t const node = *at_->find(path);
    auto const [place, is_mine] = at_->locks.try_emplace(node, who);
    if (!is_mine) {
      holder = place->second;
      return {};
    }
    return lock_type(at_, node);
  }

  // Failures.

  void fail(file_failure how) const {
    std::lock_guard const hold(at_->mutex);
    at_->failures.push_back({.what = std::move(how)});
  }
  // No failure that was ordered happens from here on.
  void heal() const {
    std::lock_guard const hold(at_->mutex);
    at_->failures.clear();
  }
  std::uint64_t failures() const {
    std::lock_guard const hold(at_->mutex);
    return at_->failed;
  }
  // All of that kind so far, those that failed too.
  std::uint64_t calls(file_call call) const {
    std::lock_guard const hold(at_->mutex);
    if (call != file_call::any) return at_->calls[static_cast<std::size_t>(call)];
    std::uint64_t n = 0;
    for (std::uint64_t const c : at_->calls) n += c;
    return n;
  }
  // Of all files that have a name.
  void limit_bytes(std::uint64_t most) const {
    std::lock_guard const hold(at_->mutex);
    at_->most_bytes = most;
  }
  std::uint64_t used_bytes() const {
    std::lock_guard const hold(at_->mutex);
    return at_->used();
  }
  // f(call, path) before each call that is made from here on; empty: nothing.
  void before_each(std::function<void(file_call, const std::filesystem::path&)> f) const {
    std::lock_guard const hold(at_->mutex);
    at_->before_each = std::move(f);
  }

  // Crashes.

  // How many calls have changed something. Whoever knows at some step that something is safe may count on it after all crashes
  // from that step on.
  std::size_t steps() const {
    std::lock_guard const hold(at_->mutex);
    return at_->steps.size();
  }
  // What is in it now, as programs see it.
  file_image image() const {
    std::lock_guard const hold(at_->mutex);
    file_image all;
    collect(0, "", all);
    return all;
  }
  // What the next process finds if this one is killed after so many steps: a file system of its own in which everything is to
  // be read, and what was not synced is still not synced. Its steps begin with these.
  simulated_files killed(std::size_t after) const {
    simulated_files next;
    std::lock_guard const hold(at_->mutex);
    next.at_->start = next.at_->now = at_->start;
    for (std::size_t n = 0; n != after; ++n) next.at_->make(at_->steps[n]);
    return next;
  }
  // f(const crash_state&), for each way in which a crash after each of the steps so far may end.
  template <class F>
  void for_each_crash(const crash_options& how, const F& f) const {
    std::unique_lock hold(at_->mutex);
    disk then = at_->start;
    std::vector<step> const steps = at_->steps;
    hold.unlock();
    std::mt19937 random(how.seed);
    for (std::size_t n = 0;; ++n) {
      bool const is_last = n == steps.size();
      if (n >= how.from && ((n - how.from) % how.every == 0 || is_last)) then.for_each_crash(how, n, random, f);
      if (is_last) return;
      then.apply(steps[n]);
    }
  }

 private:
  void collect(std::size_t folder, const std::string& path, file_image& all) const {
    for (auto const& [name, n] : at_->now[folder].names) {
      std::string const here = path + '/' + name;
      if (at_->now[n].is_folder) {
        all[here] = std::nullopt;
        collect(n, here, all);
      } else {
        all[here] = at_->now[n].content;
      }
    }
  }

  std::shared_ptr<state> at_;
};

static_assert(durable_file_system<simulated_files>);

}  // namespace tandem::test

#endif
