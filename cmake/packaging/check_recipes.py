"""check_recipes.py VERSION: the package recipes parse, carry the version of the project, and name what the stores need.

Their own tools, vcpkg and conan, are not needed for this; what they alone can find, this does not.
"""

import ast
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent


def literal_attributes(source, class_name):
    """The attributes of a class that are set to literals."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            return {
                item.targets[0].id: item.value.value
                for item in node.body
                if isinstance(item, ast.Assign) and isinstance(item.value, ast.Constant)
            }
    raise SystemExit(f"no class {class_name}")


def main(version):
    errors = []

    port = json.loads((HERE / "vcpkg/vcpkg.json").read_text())
    if port["name"] != "tandem" or port["version"] != version:
        errors.append(f"vcpkg.json is of {port['name']} {port['version']}, not tandem {version}")

    stores = port["features"]["stores"]["dependencies"]
    if stores != ["xxhash"]:
        errors.append(f"vcpkg.json: the stores need xxhash, and the feature has {stores}")

    recipe = literal_attributes((HERE / "conan/conanfile.py").read_text(), "TandemConan")
    if recipe["name"] != "tandem" or recipe["version"] != version:
        errors.append(f"conanfile.py is of {recipe['name']} {recipe['version']}, not tandem {version}")
    for part in ('self.requires("xxhash/', '"tandem::tandem"', '"tandem::stores"', '"xxhash::xxhash"'):
        if part not in (HERE / "conan/conanfile.py").read_text():
            errors.append(f"conanfile.py says nothing of {part}")
    test = HERE / "conan/test_package/conanfile.py"
    compile(test.read_text(), str(test), "exec")

    for error in errors:
        print(error)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
