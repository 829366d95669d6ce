"""TypeScript bundled by esbuild together with the AWS SDK, as AWS's page on TypeScript has it; stack traces by source maps."""

import subprocess

import pytest
from harness.server import ROOT

MODULES = ROOT / ".cache" / "packages" / "nodejs" / "node_modules"
SOURCE = """
import { STSClient } from '@aws-sdk/client-sts';

interface Order { id: string; amount: number }

function total(orders: Order[]): number {
  if (orders.length === 0) {
    throw new RangeError('no orders');
  }
  return orders.reduce((sum, order) => sum + order.amount, 0);
}

export const handler = async (orders: Order[]): Promise<{ total: number; client: boolean }> => ({
  total: total(orders),
  client: typeof new STSClient({}).send === 'function',
});
"""
FORMS = {"cjs": "app.js", "esm": "app.mjs"}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    assert (MODULES / ".bin" / "esbuild").exists(), "expected the packages under test: make packages"
    folder = tmp_path_factory.mktemp("typescript")
    (folder / "node_modules").symlink_to(MODULES)
    (folder / "app.ts").write_text(SOURCE)

    def bundle(form):
        out = folder / form
        # An ES module has no `require`, which some of what is bundled asks for.
        banner = "--banner:js=import{createRequire}from'module';const require=createRequire(import.meta.url);"
        command = [MODULES / ".bin" / "esbuild", "app.ts", "--bundle", "--minify", "--sourcemap", "--platform=node", "--target=es2022",
                   f"--format={form}", f"--outfile={out / FORMS[form]}", "--log-level=error", *([banner] if form == "esm" else [])]
        subprocess.run(command, cwd=folder, check=True)
        return {path.name: path.read_bytes() for path in out.iterdir()}

    return bundle


@pytest.mark.parametrize("form", FORMS)
def test_a_bundle(lab, bundles, form):
    function = lab.node(bundles(form), Environment={"Variables": {"NODE_OPTIONS": "--enable-source-maps"}}, MemorySize=512, Timeout=30)
    assert function.call([{"id": "a", "amount": 2}, {"id": "b", "amount": 3}]) == {"total": 5, "client": True}
    error = function.invoke([]).failed()
    assert (error["errorType"], error["errorMessage"]) == ("RangeError", "no orders")
    # Lines of the source, not of the bundle.
    assert any("app.ts:8:" in line for line in error["trace"]), error
