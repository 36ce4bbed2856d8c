# SPDX-License-Identifier: Apache-2.0
"""Each violation of the promise is found, and nothing else is taken for one."""
import unittest

from verdict import Record, Verdict

GRACE_S, LEASE_S = 4, 3


def record(event, key, time, *words):
    return Record(event, key, time, list(words))


def submitted(kind="brief", retries="40", copies="0"):
    return record("submit", "d1.1", 10, kind, retries, copies)


ENDED = record("end", "d1.0", 99)


def verdict(records, faults=(), hanging=()):
    return Verdict([*records], [*faults], GRACE_S, LEASE_S, [*hanging])


class VerdictTest(unittest.TestCase):
    def test_what_ran_twice_and_was_published_once_is_well(self):
        found = verdict([submitted(), record("begin", "d1.1", 11, "7"), record("begin", "d1.1", 12, "9"),
                         record("value", "d1.1", 13, "9"), record("value", "d1.1", 14, "9"), ENDED])
        self.assertFalse(found.bad())
        self.assertEqual((found.submitted, found.published), (1, 1))

    def test_two_values_of_one_future(self):
        found = verdict([submitted(), record("value", "d1.1", 13, "9"), record("value", "d1.1", 14, "7"), ENDED])
        self.assertEqual(len(found.twice), 1)

    def test_what_may_run_once_ran_twice(self):
        found = verdict([submitted(retries="0"), record("begin", "d1.1", 11, "7"), record("begin", "d1.1", 12, "9"),
                         record("value", "d1.1", 13, "9"), ENDED])
        self.assertEqual(len(found.twice), 1)

    def test_a_wrong_value_and_one_that_never_comes(self):
        for event in ("wrong", "hangs"):
            self.assertEqual(len(verdict([submitted(), record(event, "d1.1", 13), ENDED]).lost), 1)

    def test_a_driver_that_hangs(self):
        self.assertEqual(len(verdict([submitted()], hanging=["d1"]).lost), 1)

    def test_an_end_that_its_driver_never_saw(self):
        self.assertEqual(len(verdict([submitted(), ENDED]).lost), 1)
        self.assertFalse(verdict([submitted()], [(20, "kill driver", "d1", 0)]).bad())

    def test_a_driver_that_ended_without_a_word_and_one_whose_session_ended(self):
        self.assertEqual(len(verdict([submitted()]).without_cause), 1)
        gone = record("end", "d1.0", 20, "SessionError", "gone")
        self.assertEqual(len(verdict([submitted(), gone]).without_cause), 1)
        self.assertFalse(verdict([submitted(), gone], [(15, "stop driver", "d1", GRACE_S + 1)]).bad())
        self.assertTrue(verdict([submitted(), gone], [(15, "stop driver", "d1", GRACE_S / 2)]).bad())

    def test_a_failure_before_the_retries_are_used_up(self):
        failed = record("failed", "d1.1", 20, "TaskCrashed", "signal 9")
        records = [submitted(retries="1"), record("begin", "d1.1", 11, "7"), record("begin", "d1.1", 12, "9"), failed, ENDED]
        kills = [(11.5, "kill executor", "a", 0), (12.5, "kill executor", "a", 0)]
        self.assertFalse(verdict(records, kills).bad())
        self.assertTrue(verdict(records, kills[:1]).bad())
        self.assertTrue(verdict([records[0], failed, ENDED], kills).bad())

    def test_a_value_that_was_put_is_lost_with_its_holders_only(self):
        failed = record("failed", "d1.1", 20, "ObjectLostError", "lost")
        deaths = [(12, "kill worker", "a", 0), (13, "stop worker", "b", 2 * LEASE_S)]
        for copies, enough in (("1", 1), ("2", 2)):
            records = [submitted("put", "40", copies), failed, ENDED]
            self.assertFalse(verdict(records, deaths[:enough]).bad())
            self.assertTrue(verdict(records, deaths[:enough - 1]).bad())
        self.assertTrue(verdict([submitted("large"), failed, ENDED], deaths).bad())


if __name__ == "__main__":
    unittest.main()
