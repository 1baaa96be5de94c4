"""Leases: one holder at a time, over threads and processes; a dead or stalled holder is succeeded, and notices."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from control import processes
from control.bootstrap import Control
from control.processes import ProcessIdentity, is_known_dead, this_process
from control.services.lease import LeaseLostError, LeaseTerms, hold
from control.store.tables import leases
from tests.control_bench.killing import in_child
from warehouse.errors import RefusedError

SHORT = LeaseTerms(term_seconds=0.4, renew_seconds=0.1)


def rows(control: Control) -> list[str]:
    with control.store.reading() as connection:
        return list(connection.execute(select(leases.c.holder)).scalars())


def given_a_lease_of(control: Control, process: ProcessIdentity, *, expires_in_ms: int) -> None:
    def work(connection: Connection) -> None:
        now_ms = control.store.now_ms(connection)
        row = {
            "name": "pipeline", "token": "theirs", "holder": "meterhouse run", "host": process.host, "pid": process.pid,
            "process_started": process.started, "acquired_ms": now_ms - 1000, "renewals": 3, "expires_ms": now_ms + expires_in_ms,
        }  # fmt: skip
        connection.execute(insert(leases), row)

    control.store.transact(work)


def test_a_lease_lasts_for_its_block_and_ends_with_it(control: Control) -> None:
    with hold(control, "pipeline", holder="meterhouse run", wait_seconds=0) as lease:
        lease.check()
        assert rows(control) == ["meterhouse run"]
    assert rows(control) == []


def test_a_lease_ends_with_a_block_that_fails(control: Control) -> None:
    with pytest.raises(KeyError), hold(control, "pipeline", holder="a", wait_seconds=0):
        raise KeyError
    assert rows(control) == []


def test_a_second_caller_is_told_who_holds_it_and_since_when(control: Control) -> None:
    with (
        hold(control, "pipeline", holder="meterhouse run", wait_seconds=0),
        pytest.raises(RefusedError, match=rf"meterhouse run \(process {this_process().pid} on .+\) holds the pipeline lease since 20\d\d-"),
        hold(control, "pipeline", holder="meterhouse close", wait_seconds=0.2),
    ):
        pass


def test_two_names_are_two_leases(control: Control) -> None:
    with hold(control, "pipeline", holder="a", wait_seconds=0), hold(control, "push", holder="b", wait_seconds=0):
        assert sorted(rows(control)) == ["a", "b"]


def test_a_second_caller_that_waits_gets_it_afterwards(control: Control) -> None:
    order: list[str] = []
    held = threading.Event()

    def first() -> None:
        with hold(control, "pipeline", holder="first", wait_seconds=0):
            held.set()
            time.sleep(0.3)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    held.wait()
    with hold(control, "pipeline", holder="second", wait_seconds=10):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]


def test_of_many_that_want_it_only_one_is_in_at_a_time(control: Control) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        with hold(control, "pipeline", holder="worker", wait_seconds=20):
            inside += 1
            most = max(most, inside)
            time.sleep(0.02)
            inside -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_renewal_keeps_a_lease_beyond_its_term(control: Control) -> None:
    with hold(control, "pipeline", holder="slow", wait_seconds=0, terms=SHORT) as lease:
        with pytest.raises(RefusedError, match="slow"), hold(control, "pipeline", holder="x", wait_seconds=1.0, terms=SHORT):
            pass
        lease.check()


def test_a_dead_process_of_this_machine_is_succeeded_at_once(control: Control, store_url: str) -> None:
    dead = ProcessIdentity(host=this_process().host, pid=in_child(lambda: None).pid, started="1")
    given_a_lease_of(control, dead, expires_in_ms=60_000)
    with hold(control, "pipeline", holder="next", wait_seconds=0):
        assert rows(control) == ["next"]


def test_a_living_process_that_got_the_pid_of_a_dead_one_is_not_taken_for_it(control: Control) -> None:
    given_a_lease_of(control, replace(this_process(), started="1"), expires_in_ms=60_000)
    with hold(control, "pipeline", holder="next", wait_seconds=0):
        assert rows(control) == ["next"]


def test_a_lease_of_another_machine_is_respected_until_it_ran_out(control: Control) -> None:
    given_a_lease_of(control, ProcessIdentity(host="elsewhere/boot", pid=1, started="1"), expires_in_ms=60_000)
    with (
        pytest.raises(RefusedError, match="process 1 on elsewhere"),
        hold(control, "pipeline", holder="next", wait_seconds=0.2, terms=SHORT),
    ):
        pass


def test_a_lease_that_ran_out_passes_on_after_it_was_watched_even_to_one_who_does_not_wait(control: Control) -> None:
    given_a_lease_of(control, ProcessIdentity(host="elsewhere", pid=1, started="1"), expires_in_ms=-1000)
    began = time.monotonic()
    with hold(control, "pipeline", holder="next", wait_seconds=0, terms=SHORT):
        assert rows(control) == ["next"]
    assert time.monotonic() - began >= 2 * SHORT.renew_seconds


def test_a_clock_that_jumps_takes_a_lease_from_nobody_who_renews_it(control: Control) -> None:
    with hold(control, "pipeline", holder="alive", wait_seconds=0, terms=LeaseTerms(term_seconds=30, renew_seconds=0.1)) as lease:
        jumped = threading.Event()

        def jump() -> None:
            while not jumped.wait(0.02):
                control.store.transact(lambda connection: connection.execute(update(leases).values(expires_ms=1)))

        thread = threading.Thread(target=jump)
        thread.start()
        with pytest.raises(RefusedError, match="alive"), hold(control, "pipeline", holder="x", wait_seconds=1, terms=SHORT):
            pass
        jumped.set()
        thread.join()
        lease.check()


def test_a_holder_that_lost_its_lease_notices_and_takes_nothing_from_the_next(control: Control) -> None:
    def check_until_lost() -> None:
        with hold(control, "pipeline", holder="stalled", wait_seconds=0, terms=SHORT) as lease:
            control.store.transact(lambda connection: connection.execute(delete(leases)))
            with hold(control, "pipeline", holder="next", wait_seconds=0):
                for _ in range(500):
                    lease.check()
                    time.sleep(0.02)
                raise AssertionError("the loss went unnoticed")

    with pytest.raises(LeaseLostError, match="lost its right to act alone"):
        check_until_lost()


def test_a_loss_shows_at_the_end_at_the_latest(control: Control) -> None:
    with pytest.raises(LeaseLostError), hold(control, "pipeline", holder="stalled", wait_seconds=0):
        control.store.transact(lambda connection: connection.execute(delete(leases)))


def test_what_is_known_of_processes() -> None:
    us = this_process()
    assert not is_known_dead(us)
    assert is_known_dead(replace(us, started="0"))
    assert not is_known_dead(replace(us, host="elsewhere", pid=2**22 + 1))
    assert is_known_dead(replace(us, pid=2**22 + 1, started=""))
    assert processes.is_known_dead(replace(us, pid=2**22 + 1))
