// An Avro object container file, by libavro where the build has found it. A record of it is one of the log:
//
//   key      string, long, double or boolean, as the codec of the keys says; else bytes
//   version  long
//   seq      long: the order in which the store was told
//   value    null: erased; else as keys, or, with a schema of the values, what that says
#include "commands.hpp"
#include "log.hpp"
#include "newest.hpp"
#include "text.hpp"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <type_traits>
#include <variant>

#ifdef DURABLE_LOG_HAS_AVRO
#include <avro.h>
#endif

namespace durable_log {

#ifndef DURABLE_LOG_HAS_AVRO

exit_code export_to_avro(const std::filesystem::path&, const export_options&) {
  throw problem("this program was built without libavro, which writes Avro files (Debian: libavro-dev)");
}

#else

namespace {

std::string schema_of(std::uint32_t codec) {
  switch (content_of(codec)) {
    case content::text:
      return R"("string")";
    case content::boolean:
      return R"("boolean")";
    case content::integer:
      return R"("long")";
    case content::number:
      return R"("double")";
    case content::bytes:
      break;
  }
  return R"("bytes")";
}

std::string content_of_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in.is_open() || in.bad() || text.empty()) throw problem(path.string() + ": cannot be read, or is empty");
  return text;
}

// libavro says by a number that something has failed, and keeps the reason.
void must(int result, const std::string& what) {
  if (result != 0) throw problem(what + ": " + avro_strerror());
}

class avro_file {
 public:
  avro_file(const std::filesystem::path& to, const std::string& schema, std::size_t longest_record) : path_(to) {
    must(avro_schema_from_json_length(schema.data(), schema.size(), &schema_), "the schema");
    iface_ = avro_generic_class_from_schema(schema_);
    must(iface_ == nullptr ? 1 : avro_generic_value_new(iface_, &value_), "the schema");
    if (std::filesystem::exists(to)) throw problem(to.string() + " is there already");
    // A block has to have room for a record.
    std::size_t const block = std::max<std::size_t>(std::size_t{1} << 16, longest_record + 1024);
    must(avro_file_writer_create_with_codec(to.c_str(), schema_, &writer_, "null", block), to.string());
  }
  avro_file(const avro_file&) = delete;
  avro_file& operator=(const avro_file&) = delete;
  ~avro_file() {
    if (writer_ != nullptr) {
      avro_file_writer_close(writer_);
      std::error_code ignored;
      std::filesystem::remove(path_, ignored);  // it is not complete
    }
    if (iface_ != nullptr) {
      avro_value_decref(&value_);
      avro_value_iface_decref(iface_);
    }
    if (schema_ != nullptr) avro_schema_decref(schema_);
  }

  void append(const record& r, bool values_are_avro) {
    must(avro_value_reset(&value_), "a record");
    set(field("key"), r.file.header->key_codec, r.key);
    avro_value_t version = field("version");
    avro_value_set_long(&version, static_cast<std::int64_t>(r.header.version));
    avro_value_t seq = field("seq");
    avro_value_set_long(&seq, static_cast<std::int64_t>(r.header.seq));
    avro_value_t value = field("value");
    avro_value_t branch;
    bool const erased = r.header.type == record_type::erase;
    must(avro_value_set_branch(&value, erased ? 0 : 1, &branch), "a value");
    if (erased) {
      avro_value_set_null(&branch);
    } else if (values_are_avro) {
      avro_reader_t const in =
          avro_reader_memory(reinterpret_cast<const char*>(r.value.data()), static_cast<std::int64_t>(r.value.size()));
      int const result = avro_value_read(in, &branch);
      avro_reader_free(in);
      std::size_t read = 0;
      if (result != 0 || avro_value_sizeof(&branch, &read) != 0 || read != r.value.size()) {
        throw problem("the value of " + shown(r.file.header->key_codec, r.key, 100) + " is not of that schema");
      }
    } else {
      set(branch, r.file.header->value_codec, r.value);
    }
    must(avro_file_writer_append_value(writer_, &value_), path_.string());
  }
  void close() {
    int const result = avro_file_writer_close(writer_);
    writer_ = nullptr;
    must(result, path_.string());
  }

 private:
  avro_value_t field(const char* name) {
    avro_value_t found;
    must(avro_value_get_by_name(&value_, name, &found, nullptr), name);
    return found;
  }
  static void set(avro_value_t to, std::uint32_t codec, byte_view bytes) {
    int result = 0;
    std::visit(
        [&](const auto& value) {
          using type = std::remove_cvref_t<decltype(value)>;
          if constexpr (std::is_same_v<type, std::string>) {
            if (!is_utf8(bytes))
              throw problem(shown(codec, bytes, 100) + " is not UTF-8, as a string of Avro has to be");
            result = avro_value_set_string_len(&to, const_cast<char*>(value.c_str()), value.size() + 1);
          } else if constexpr (std::is_same_v<type, byte_view>) {
            result = avro_value_set_bytes(&to, const_cast<std::byte*>(value.data()), value.size());
          } else if constexpr (std::is_same_v<type, bool>) {
            result = avro_value_set_boolean(&to, value ? 1 : 0);
          } else if constexpr (std::is_same_v<type, double>) {
            result = avro_value_set_double(&to, value);
          } else {
            result = avro_value_set_long(&to, static_cast<std::int64_t>(value));
          }
        },
        decode(codec, bytes));
    must(result, shown(codec, bytes, 100));
  }

  std::filesystem::path path_;
  avro_schema_t schema_ = nullptr;
  avro_value_iface_t* iface_ = nullptr;
  avro_value_t value_{};
  avro_file_writer_t writer_ = nullptr;
};

}  // namespace

exit_code export_to_avro(const std::filesystem::path& folder, const export_options& how) {
  newest_records newest;
  std::uint64_t longest = 0;
  log const all = read_log(folder, [&](const record& r) {
    longest = std::max(longest, r.header.payload_bytes());
    if (how.newest) newest.add(r);
  });
  bool const values_are_avro = !how.values.empty();
  std::string const value = values_are_avro ? content_of_file(how.values) : schema_of(all.value_codec);
  std::string const schema =
      R"({"type":"record","name":"logged","namespace":"tandem","fields":[{"name":"key","type":)" +
      schema_of(all.key_codec) +
      R"(},{"name":"version","type":"long"},{"name":"seq","type":"long"},{"name":"value","type":["null",)" + value +
      "]}]}";
  avro_file file(how.to, schema, static_cast<std::size_t>(longest));
  std::uint64_t records = 0;
  auto const append = [&](const record& r) {
    file.append(r, values_are_avro);
    ++records;
  };
  if (how.newest) {
    newest.read(all, append);
  } else {
    static_cast<void>(read_log(folder, append));
  }
  file.close();
  std::cout << grouped(records) << " records to " << how.to.string() << ", "
            << in_bytes(std::filesystem::file_size(how.to)) << '\n';
  if (all.is_damaged) std::cout << "what is damaged is not among them: see check\n";
  return all.is_damaged ? damaged : success;
}

#endif

}  // namespace durable_log
