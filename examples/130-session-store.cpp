// prints: alice is logged in as admin.bob's session has ended: expired at 120.carol has logged out: erased at 128.alice: admin, bob: -, carol: -.1 session, 3 writes were late
//
// Sessions that end when they are not used, by the position of a log rather than by a watch: every replica that applies the log has
// the same sessions, however long it takes. A session in use is put off by touch(); what ends is told with its cause.
#include <tandem/timed_store.hpp>

#include <cstdint>
#include <iostream>
#include <string>

int main() {
  // A session lasts 100 log entries after its last use, and its key is free again after 200.
  constexpr tandem::ttl lifetime{.expire_in = 100, .delete_in = 200};
  tandem::timed_store<> sessions;  // of names and roles

  sessions.on_removed([](const std::string& name, const std::string&, tandem::removal why, std::uint64_t index) {
    if (why == tandem::removal::erased) {
      std::cout << name << " has logged out: erased at " << index << '\n';
    } else {
      std::cout << name << "'s session has ended: expired at " << index << '\n';
    }
  });

  // Positions 10, 20 and 30 of the log: three people log in.
  int late = 0;
  auto const check = [&](tandem::write_result r) { late += r ? 0 : 1; };
  check(sessions.set("alice", "admin", 10, lifetime));
  check(sessions.set("bob", "guest", 20, lifetime));
  check(sessions.set("carol", "guest", 30, lifetime));

  // Alice does something at 90: hers is good until 190.
  check(sessions.touch("alice", lifetime, 90));
  std::cout << "alice is logged in as " << sessions.get("alice").value_or("nobody") << '\n';

  // The log goes on, without them. Reads know at once; collect() gives the memory back, and tells.
  sessions.advance(125);
  sessions.collect();

  // Carol leaves. What comes late, from before that, does not bring her back, and bob's does not begin again by being touched.
  check(sessions.erase("carol", 128));
  check(sessions.set("carol", "guest", 127, lifetime));     // stale: the erase was later
  check(sessions.touch("bob", lifetime, 131));              // missing: there is no session to put off
  check(sessions.set_if_unset("bob", "x", 132, lifetime));  // exists: the name is not free before 220

  for (const char* name : {"alice", "bob", "carol"}) {
    std::cout << name << ": " << sessions.get(name).value_or("-") << (std::string(name) == "carol" ? "\n" : ", ");
  }
  int alive = 0;
  sessions.for_each([&](const std::string&, const std::string&) { ++alive; });
  std::cout << alive << " session, " << late << " writes were late\n";
}
