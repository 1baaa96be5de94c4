"""`python -m control.testing.adyen_server`: the double as a process of its own, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
from pathlib import Path

from control.testing.adyen_server.server import AdyenServer
from warehouse.errors import MeterhouseError


def main() -> int:
    """Run until told to stop. Prints one JSON line with the URL and the HMAC key once requests are answered."""
    parser = argparse.ArgumentParser(prog="python -m control.testing.adyen_server", description="A local Adyen for tests and demos.")
    parser.add_argument("--document", type=Path, required=True, help="Adyen's CheckoutService-v72.json (github.com/Adyen/adyen-openapi)")
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--state", type=Path, help="file that keeps cards and payments over restarts (default: memory)")
    parser.add_argument("--ready-file", type=Path, help="file to write the same JSON line to once requests are answered")
    parser.add_argument("--merchant-account", default="TestMerchant", help="the merchant account it serves")
    parser.add_argument("--webhook-url", help="http:// address on this machine that receives every notification")
    parser.add_argument("--verbose", action="store_true", help="log each request to stderr")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, format="%(levelname)s %(message)s", stream=sys.stderr)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        server = AdyenServer(
            document=options.document,
            port=options.port,
            state=options.state,
            merchant_account=options.merchant_account,
            webhook_url=options.webhook_url,
        )
    except (MeterhouseError, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    line = json.dumps({"url": server.url, "merchant_account": server.merchant_account, "hmac_key": server.hmac_key})
    if options.ready_file:
        waiting = options.ready_file.with_suffix(".tmp")
        waiting.write_text(line + "\n")
        waiting.replace(options.ready_file)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    stop.wait()
    server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
