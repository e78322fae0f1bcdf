// durable_log: looks at the folder of a durable_store, mends it, and turns it into a file for analysts.
#include "commands.hpp"
#include "log.hpp"

#include <CLI/CLI.hpp>

#include <exception>
#include <functional>
#include <iostream>

int main(int argc, char** argv) {
  using namespace durable_log;
  CLI::App app(
      "Looks at the folder of a tandem::durable_store, of whatever types.\n"
      "Exit code: 0, 1 if something is damaged, 2 if it cannot be done.",
      "durable_log");
  app.require_subcommand(1);
  std::filesystem::path folder;
  std::function<exit_code()> chosen;
  auto const command = [&](const char* name, const char* what, auto run) {
    CLI::App* const c = app.add_subcommand(name, what);
    c->add_option("FOLDER", folder, "The folder of a store")->type_name("")->required();
    c->callback([&chosen, run] { chosen = run; });
    return c;
  };

  command("check", "Reads every record and tells what is wrong", [&] { return check(folder); });
  command("stats", "Tells how many records, keys and bytes there are", [&] { return stats(folder); });

  dump_options dumped;
  CLI::App* const d = command("dump", "Prints records, one on a line", [&] { return dump(folder, dumped); });
  d->add_option("--key", dumped.key, "Only of this key")->type_name("KEY");
  d->add_flag("--newest", dumped.newest, "Only what counts, by key");
  d->add_option("--bytes", dumped.longest, "How much of a value is shown")->type_name("N")->capture_default_str();
  d->add_option("--most", dumped.most, "How many records at most; 0: all")->type_name("N")->capture_default_str();

  repair_options mended;
  CLI::App* const r = command(
      "repair", "Makes a damaged folder one that can be opened, without what is damaged; the damaged files are kept",
      [&] { return repair(folder, mended); });
  r->add_flag("--dry-run", mended.dry_run, "Only tell what would be done");

  export_options exported;
  CLI::App* const e = command("export", "Writes the records to an Avro object container file",
                              [&] { return export_to_avro(folder, exported); });
  e->add_option("--to", exported.to, "The file, which must not be there")->type_name("FILE")->required();
  e->add_option("--values", exported.values, "The Avro schema of the values, if they are in Avro's encoding")
      ->type_name("SCHEMA");
  e->add_flag("--newest", exported.newest, "Only what counts, by key");

  try {
    app.parse(argc, argv);
    exit_code const result = chosen();
    if (!std::cout.flush()) throw problem("the output could not be written");
    return result;
  } catch (const CLI::ParseError& wrong) {
    return app.exit(wrong) == 0 ? success : usage;
  } catch (const std::exception& wrong) {
    std::cerr << "durable_log: " << wrong.what() << '\n';
    return usage;
  }
}
