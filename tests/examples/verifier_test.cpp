// The readers of word_index find out when an index is wrong. Each case builds a small index, right but for one thing that a
// faulty map could do, and asks a verifier for its opinion.
#include "word_index/verifier.hpp"

#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace {

using word_index::posting;
using word_index::wrong_answer;

// Two documents, "red fish" and "fish fish blue", and a third that the index does not have yet: "red".
struct two_documents {
  word_index::catalog documents{{"a", 2}, {"b", 3}, {"c", 1}};
  word_index::totals totals{2, 4, 5};
  std::pair<word_index::index_map::writer, word_index::index_map::reader> handles =
      tandem::make_evmap<std::string, posting, word_index::index_options>();
  word_index::index_map::writer& writer = handles.first;
  word_index::verifier readers_view{handles.second, documents, 1};

  void write() {
    writer.insert("red", {0, 1}).insert("fish", {0, 1}).insert("fish", {1, 2}).insert("blue", {1, 1}).set_meta(totals);
  }
  void write_and_publish() {
    write();
    writer.publish();
  }
  // Asks until every word and some nonsense have been asked for. Returns the number of answers.
  std::size_t ask_often() {
    std::size_t answers = 0;
    for (int i = 0; i != 1000; ++i) answers += readers_view.ask();
    return answers;
  }

  // Whether it is noticed what was done to the index.
  bool audit_complains() {
    writer.publish();
    return complains([this] { readers_view.audit(); });
  }
  bool query_complains() {
    writer.publish();
    return complains([this] { ask_often(); });
  }
  template <class Check>
  static bool complains(Check check) {
    try {
      check();
    } catch (const wrong_answer&) {
      return true;
    }
    return false;
  }
};

}  // namespace

TEST_CASE("a verifier accepts a right index, and later ones", "[word_index]") {
  two_documents index;
  CHECK_NOTHROW(index.readers_view.audit());
  CHECK(index.readers_view.ask() == 0);
  index.write_and_publish();
  CHECK_NOTHROW(index.readers_view.audit());
  CHECK(index.ask_often() > 900);

  index.writer.insert("red", {2, 1}).set_meta({3, 5, 6}).publish();
  CHECK(index.ask_often() > 900);
  CHECK_NOTHROW(index.readers_view.audit());
}

TEST_CASE("an audit finds what does not add up", "[word_index]") {
  two_documents index;
  index.write();
  SECTION("a lost posting") {
    index.writer.erase_value("fish", {0, 1});
    CHECK(index.audit_complains());
  }
  SECTION("a lost word") {
    index.writer.erase("red");
    CHECK(index.audit_complains());
  }
  SECTION("a posting too many") {
    index.writer.insert("yellow", {1, 1});
    CHECK(index.audit_complains());
  }
  SECTION("a document named twice by a word") {
    index.writer.erase("red").insert("fish", {0, 1});
    CHECK(index.audit_complains());
  }
  SECTION("a document that is not published yet") {
    index.writer.insert("fish", {2, 1});
    CHECK(index.audit_complains());
  }
  SECTION("a count of nothing") {
    index.writer.insert_or_assign("red", {0, 0});
    CHECK(index.audit_complains());
  }
  SECTION("a count larger than the document") {
    index.writer.insert_or_assign("red", {0, 3});
    CHECK(index.audit_complains());
  }
  SECTION("a posting mixed from two others") {
    index.writer.insert_or_assign("blue", {0, 1});
    CHECK(index.audit_complains());
  }
  SECTION("totals of another version") {
    index.writer.set_meta({2, 4, 4});
    CHECK(index.audit_complains());
  }
}

TEST_CASE("a query finds what was right at the audit and is no more", "[word_index]") {
  two_documents index;
  index.write_and_publish();
  index.readers_view.audit();
  SECTION("a word is gone") {
    index.writer.erase("fish");
    CHECK(index.query_complains());
  }
  SECTION("a posting is gone") {
    index.writer.erase_value("fish", {1, 2});
    CHECK(index.query_complains());
  }
  SECTION("a word names a document twice") {
    index.writer.insert("red", {0, 1});
    CHECK(index.query_complains());
  }
  SECTION("a word names a document that is not there") {
    index.writer.insert("red", {7, 1});
    CHECK(index.query_complains());
  }
  SECTION("a word that cannot be there is") {
    index.writer.insert("no such word", {0, 1});
    CHECK(index.query_complains());
  }
  SECTION("the totals go back") {
    index.writer.set_meta({1, 2, 2});
    CHECK(index.query_complains());
  }
}

TEST_CASE("the end of the index is a wrong answer", "[word_index]") {
  two_documents index;
  index.write_and_publish();
  index.readers_view.audit();
  {
    auto const gone = std::move(index.writer);
  }
  CHECK_THROWS_AS(index.ask_often(), wrong_answer);
}
