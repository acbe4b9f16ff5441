"""What building the wheel adds: the library, stripped, the layer that is made from its description, and the right tag.

PELLUCID_LIBRARY is the built library, by its whole path. What describes it comes from the source tree that the folder is in, or, in a source
distribution, from a copy that the distribution has.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from generate import generate  # noqa: E402


def description(root):
    here = os.path.join(root, "pellucid.json")
    return here if os.path.exists(here) else os.path.join(root, "..", "..", "include", "pellucid.json")


class CustomMetadataHook(MetadataHookInterface):
    def update(self, metadata):
        with open(description(self.root), encoding="utf-8") as file:
            metadata["version"] = json.load(file)["version"]


def platform_tag(library):
    """The oldest system that the library runs on, as auditwheel finds it in a wheel of nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        wheel = os.path.join(folder, "trial-0-py3-none-linux_x86_64.whl")
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.write(library, "trial/libpellucid.so")
            archive.writestr("trial-0.dist-info/METADATA", "Metadata-Version: 2.1\nName: trial\nVersion: 0\n")
            archive.writestr("trial-0.dist-info/WHEEL",
                             "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-linux_x86_64\n")
            archive.writestr("trial-0.dist-info/RECORD", "trial/libpellucid.so,,\n")
        shown = subprocess.run([sys.executable, "-m", "auditwheel", "show", "--json", wheel], check=True,
                               capture_output=True, text=True).stdout
    tag = json.loads(shown)["overall_tag"]
    if not tag.startswith("manylinux"):
        raise SystemExit(f"{library} runs on no manylinux: auditwheel says {tag}")
    return tag


class CustomBuildHook(BuildHookInterface):
    def initialize(self, version, build_data):
        if self.target_name == "sdist":
            build_data["force_include"][description(self.root)] = "pellucid.json"
            return
        self.folder = tempfile.mkdtemp()
        native = os.path.join(self.folder, "_native.py")
        generate(description(self.root), native)
        if version == "editable":
            # The folder of the sources is what is imported.
            shutil.copy(native, os.path.join(self.root, "src", "pellucid", "_native.py"))
        library = os.environ.get("PELLUCID_LIBRARY")
        # What builds has gone to another folder, where a path from here would mean something else.
        if not library or not os.path.isabs(library):
            raise SystemExit("PELLUCID_LIBRARY must be the whole path of libpellucid.so, as cargo build --release makes it")
        stripped = os.path.join(self.folder, "libpellucid.so")
        shutil.copy(library, stripped)
        subprocess.run(["strip", stripped], check=True)
        if version == "editable":
            shutil.copy(stripped, os.path.join(self.root, "src", "pellucid", "libpellucid.so"))
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag(stripped)}"
        build_data["force_include"][native] = "pellucid/_native.py"
        build_data["force_include"][stripped] = "pellucid/libpellucid.so"

    def finalize(self, version, build_data, artifact_path):
        if self.target_name != "sdist":
            shutil.rmtree(self.folder)
