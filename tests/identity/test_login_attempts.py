"""How often a password may be tried, by a clock that the test moves."""

from __future__ import annotations

from modelport.identity.login_attempts import (
    FREE,
    FREE_OF_STRANGERS,
    LONGEST_SECONDS,
    MOST_COUNTED,
    STRANGERS_SECONDS,
    LoginAttempts,
)
from modelport.security.hosts import near_address


class Clock:
    """Seconds that pass when somebody says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_each_wrong_password_costs_a_longer_wait_and_never_for_ever() -> None:
    clock = Clock()
    attempts = LoginAttempts(clock)
    waits: list[float] = []
    for _ in range(20):
        wait = attempts.begin("anna", "10.0.0.1", is_familiar=True)
        waits.append(wait)
        clock.now += wait
        if wait:
            assert attempts.begin("anna", "10.0.0.1", is_familiar=True) == 0.0
    assert waits[:FREE] == [0.0] * FREE
    assert waits[FREE : FREE + 4] == [1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == LONGEST_SECONDS


def test_an_attempt_that_has_to_wait_makes_the_wait_no_longer() -> None:
    clock = Clock()
    attempts = LoginAttempts(clock)
    for _ in range(FREE):
        attempts.begin("anna", "10.0.0.1", is_familiar=True)
    for _ in range(100):
        assert attempts.begin("anna", "10.0.0.1", is_familiar=True) == 1.0
    clock.now += 1.0
    assert attempts.begin("anna", "10.0.0.1", is_familiar=True) == 0.0


def test_strangers_of_many_addresses_wait_and_the_owner_does_not() -> None:
    clock = Clock()
    attempts = LoginAttempts(clock)
    for number in range(FREE_OF_STRANGERS):
        assert attempts.begin("anna", f"10.0.1.{number}", is_familiar=False) == 0.0
    assert attempts.begin("anna", "10.0.2.1", is_familiar=False) == STRANGERS_SECONDS
    assert attempts.begin("anna", "10.0.0.1", is_familiar=True) == 0.0
    assert attempts.begin("bob", "10.0.2.1", is_familiar=False) == 0.0
    clock.now += STRANGERS_SECONDS  # they wait in turns, and are not locked out either
    assert attempts.begin("anna", "10.0.2.1", is_familiar=False) == 0.0
    assert attempts.begin("anna", "10.0.2.2", is_familiar=False) == STRANGERS_SECONDS


def test_one_address_that_tries_many_names_waits_and_who_is_familiar_there_does_not() -> None:
    clock = Clock()
    attempts = LoginAttempts(clock)
    for number in range(FREE_OF_STRANGERS):
        assert attempts.begin(f"name {number}", "10.0.0.1", is_familiar=False) == 0.0
    assert attempts.begin("another", "10.0.0.1", is_familiar=False) == STRANGERS_SECONDS
    assert attempts.begin("anna", "10.0.0.1", is_familiar=True) == 0.0
    assert attempts.begin("another", "10.0.0.2", is_familiar=False) == 0.0
    clock.now += STRANGERS_SECONDS
    assert attempts.begin("another", "10.0.0.1", is_familiar=False) == 0.0
    assert attempts.begin("a third", "10.0.0.1", is_familiar=False) == STRANGERS_SECONDS


def test_an_attempt_that_was_not_looked_at_counts_for_nothing() -> None:
    clock = Clock()
    attempts = LoginAttempts(clock)
    for _ in range(FREE_OF_STRANGERS * 2):
        assert attempts.begin("anna", "10.0.0.1", is_familiar=False) == 0.0
        attempts.undone("anna", "10.0.0.1", is_familiar=False)
    for _ in range(FREE):
        attempts.begin("anna", "10.0.0.1", is_familiar=True)
    clock.now += 1.0
    assert attempts.begin("anna", "10.0.0.1", is_familiar=True) == 0.0
    attempts.undone("anna", "10.0.0.1", is_familiar=True)
    assert attempts.begin("anna", "10.0.0.1", is_familiar=True) == 0.0
    assert attempts.begin("anna", "10.0.0.1", is_familiar=True) == 2.0


def test_the_right_password_clears_what_was_wrong() -> None:
    clock = Clock()
    attempts = LoginAttempts(clock)
    for _ in range(FREE * 20):
        assert attempts.begin("anna", "10.0.0.1", is_familiar=False) == 0.0
        attempts.right("anna", "10.0.0.1", is_familiar=False)


def test_what_is_counted_is_bounded_and_forgotten() -> None:
    clock = Clock()
    attempts = LoginAttempts(clock)
    for _ in range(FREE):
        attempts.begin("anna", "10.0.0.1", is_familiar=True)
    assert attempts.wrong("anna", "10.0.0.1") == FREE
    for number in range(MOST_COUNTED):
        attempts.begin(str(number), "10.0.0.1", is_familiar=True)
    assert attempts.wrong("anna", "10.0.0.1") == 0
    for _ in range(FREE):
        attempts.begin("anna", "10.0.0.1", is_familiar=True)
    clock.now += 3600.0
    assert attempts.begin("anna", "10.0.0.1", is_familiar=True) == 0.0


def test_who_has_a_network_of_ipv6_has_one_address() -> None:
    assert near_address("2001:db8::1") == near_address("2001:db8::ffff:1") == "2001:db8::/64"
    assert near_address("2001:db8:0:1::1") != near_address("2001:db8::1")
    assert near_address("::ffff:10.0.0.1") == near_address("10.0.0.1") == "10.0.0.1"
    assert near_address("") == ""
