// prints: first publish: done.*try_publish: declined.*publish_for: gave up.*old guard still sees 1.*new guard sees 3.*ms
//
// The uncomfortable one: what happens when a reader sits on its guard?
//
// Readers never wait, but the writer may. There are two copies of the map. A guard pins one of them, and the writer needs
// each copy at every other publish. So one forgotten guard lets the next publish through and holds up the one after it,
// for as long as it is held. Nothing breaks and nothing is lost; the writer is late, and readers see old data.
#include <tandem/evmap.hpp>

#include <chrono>
#include <iostream>
#include <string>

int main() {
  using namespace std::chrono_literals;
  auto [writer, reader] = tandem::make_evmap<std::string, int>();
  writer.insert_or_assign("answer", 1).publish();

  auto forgotten = reader.find("answer");  // ... and then somebody makes a network call. Don't.

  // The other copy is free, so this goes through, and new readers see 2.
  writer.insert_or_assign("answer", 2).publish();
  std::cout << "first publish: done\n";

  // Now the writer needs the copy that `forgotten` is looking at. A plain publish() would wait here; under one's own guard,
  // as in this program, forever (debug builds stop with a message). If the writer has other work, ask instead of waiting:
  writer.insert_or_assign("answer", 3);
  std::cout << "try_publish: " << (writer.try_publish() ? "done" : "declined") << '\n';
  std::cout << "publish_for: " << (writer.publish_for(20ms) ? "done" : "gave up") << ", " << writer.pending()
            << " change kept\n";

  // The guard keeps its promise all along.
  std::cout << "old guard still sees " << forgotten->front() << '\n';
  forgotten.reset();
  writer.publish();
  std::cout << "new guard sees " << reader.find("answer")->front() << '\n';

  // The right way: take what you need under a short guard, then do the slow thing without one. get() copies the value,
  // read() calls you under the guard. A long scan is best done in pieces, or by a reader that can live with a slow writer.
  if (std::optional<int> const answer = reader.get("answer")) std::cout << "copied " << *answer << ", no guard held\n";

  // How would you find out in production? The writer keeps count of it. Watch this number.
  auto const longest = std::chrono::duration_cast<std::chrono::milliseconds>(writer.stats().longest_guard_wait);
  std::cout << "longest time that guards held up a publish: " << longest.count() << " ms\n";
}
