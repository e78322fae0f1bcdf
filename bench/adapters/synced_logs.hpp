// What keeps small records on disk, each synced before put() returns: durable_store, and others that can.
//
// A log has:  log(folder), an empty folder that is there     put(key, value), by any number of threads
//             name                                           figures(): puts, and syncs that puts have waited for
//             record_bytes(bytes): what it writes for a key and a value of so many
#ifndef TANDEM_BENCH_ADAPTERS_SYNCED_LOGS_HPP
#define TANDEM_BENCH_ADAPTERS_SYNCED_LOGS_HPP

#include <tandem/durable_store.hpp>

#if defined(TANDEM_BENCH_HAS_ROCKSDB)
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/statistics.h>
#endif
#if defined(TANDEM_BENCH_HAS_LMDB)
#include <lmdb.h>
#endif

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

namespace bench {

struct log_counts {
  std::uint64_t puts = 0;
  std::uint64_t syncs = 0;
};

class durable_store_log {
  using store = tandem::durable_store<>;

 public:
  static constexpr const char* name = "durable_store";
  static constexpr std::size_t record_bytes(std::size_t data) { return 64 + (data + 7) / 8 * 8; }

  explicit durable_store_log(const std::filesystem::path& folder) : store_(store::open(folder)) {}
  void put(const std::string& key, const std::string& value) {
    store_.put(key, value, version_.fetch_add(1, std::memory_order_relaxed));
  }
  log_counts figures() const {
    auto const log = store_.stats().log;
    return {log.records, log.syncs.count()};
  }

 private:
  store store_;
  std::atomic<std::uint64_t> version_{1};
};

inline void check_log(bool right, const std::string& what) {
  if (right) return;
  std::fprintf(stderr, "wrong: %s\n", what.c_str());
  std::abort();
}

#if defined(TANDEM_BENCH_HAS_ROCKSDB)
// Its defaults, but for WriteOptions::sync: concurrent writers are one group, which is written and synced once.
class rocksdb_log {
 public:
  static constexpr const char* name = "rocksdb";
  // In its write-ahead log: header of a block's record 7, of a batch 12, kind and lengths 3.
  static constexpr std::size_t record_bytes(std::size_t data) { return 22 + data; }

  explicit rocksdb_log(const std::filesystem::path& folder) {
    rocksdb::Options o;
    o.create_if_missing = true;
    o.statistics = rocksdb::CreateDBStatistics();
    statistics_ = o.statistics;
    rocksdb::DB* db = nullptr;
    auto const status = rocksdb::DB::Open(o, folder.string(), &db);
    check_log(status.ok(), "RocksDB: " + status.ToString());
    db_.reset(db);
    synced_.sync = true;
  }
  void put(const std::string& key, const std::string& value) {
    auto const status = db_->Put(synced_, key, value);
    check_log(status.ok(), "RocksDB: " + status.ToString());
    puts_.fetch_add(1, std::memory_order_relaxed);
  }
  log_counts figures() const {
    return {puts_.load(std::memory_order_relaxed), statistics_->getTickerCount(rocksdb::WAL_FILE_SYNCED)};
  }

 private:
  std::shared_ptr<rocksdb::Statistics> statistics_;
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::WriteOptions synced_;
  std::atomic<std::uint64_t> puts_{0};
};
#endif

#if defined(TANDEM_BENCH_HAS_LMDB)
// Its defaults: one writer at a time; each transaction syncs its pages, and then writes the page that names them through.
class lmdb_log {
 public:
  static constexpr const char* name = "lmdb";
  static constexpr std::size_t page = 4096;
  // The page with the record, and the tree's root.
  static constexpr std::size_t record_bytes(std::size_t) { return 2 * page; }

  explicit lmdb_log(const std::filesystem::path& folder) {
    ok(mdb_env_create(&environment_));
    ok(mdb_env_set_mapsize(environment_, std::size_t{256} << 20));
    ok(mdb_env_open(environment_, folder.c_str(), 0, 0644));
    MDB_txn* t = nullptr;
    ok(mdb_txn_begin(environment_, nullptr, 0, &t));
    ok(mdb_dbi_open(t, nullptr, 0, &table_));
    ok(mdb_txn_commit(t));
  }
  lmdb_log(const lmdb_log&) = delete;
  lmdb_log& operator=(const lmdb_log&) = delete;
  ~lmdb_log() { mdb_env_close(environment_); }
  void put(std::string key, std::string value) {
    MDB_txn* t = nullptr;
    ok(mdb_txn_begin(environment_, nullptr, 0, &t));
    MDB_val k{key.size(), key.data()}, v{value.size(), value.data()};
    ok(mdb_put(t, table_, &k, &v, 0));
    ok(mdb_txn_commit(t));
    puts_.fetch_add(1, std::memory_order_relaxed);
  }
  log_counts figures() const {
    std::uint64_t const n = puts_.load(std::memory_order_relaxed);
    return {n, n};
  }

 private:
  static void ok(int error) { check_log(error == 0, std::string("LMDB: ") + mdb_strerror(error)); }

  MDB_env* environment_ = nullptr;
  MDB_dbi table_{};
  std::atomic<std::uint64_t> puts_{0};
};
#endif

}  // namespace bench

#endif
