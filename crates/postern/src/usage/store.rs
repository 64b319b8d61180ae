//! The file that keeps what keys have used (TH-37).
//!
//! It is a redb: pure Rust, one file, and a write is there whole or not at all, whatever happens to the
//! process or the machine. One process at a time has it open.

use std::{fmt, fs, path::Path, sync::Arc};

use postern_gateway::{ChangedUsage, DayUse, KeptUsage, KeyUsage, QuotaLevel, UsageLevel};
use postern_observe::{Severity, log};
use redb::{
    Database, DatabaseError, ReadOnlyDatabase, ReadOnlyTable, ReadableDatabase, ReadableTable, Table,
    TableDefinition,
};

use super::days::{DAYS_KEPT, DayLeft, Days, Kept, UsageRow};

/// By plan and key: the quota's period, what is used of it, the first period plus one (0: none); then
/// the last day, what was used on it and what is left.
const ACCOUNTS: TableDefinition<'_, PlanAndKey<'_>, Account> = TableDefinition::new("accounts");
type PlanAndKey<'n> = (&'n str, &'n str);
type Account = (u32, i64, u32, u32, u64, Option<u64>);

/// By day, plan and key, for days that are over: what was used and what was left. Days come first, so
/// that what is written at one time stands together, and what is dropped too.
const DAYS: TableDefinition<'_, DayPlanAndKey<'_>, Day> = TableDefinition::new("days");
type DayPlanAndKey<'n> = (u32, &'n str, &'n str);
type Day = (u64, Option<u64>);

const FILE: &str = "usage.redb";

/// So many rows of old days are dropped with one write, so that no write takes long.
const ROWS_DROPPED_AT_ONCE: usize = 10_000;

/// The file, opened.
#[derive(Clone, Debug)]
pub(crate) struct UsageStore {
    database: Arc<Database>,
}

impl UsageStore {
    /// Opens what a directory keeps; makes both if they are not there.
    ///
    /// # Errors
    ///
    /// A sentence that names the directory.
    pub(crate) fn open(directory: &Path) -> Result<Self, String> {
        let open = || -> Result<Self, redb::Error> {
            fs::create_dir_all(directory)?;
            let database = Database::create(directory.join(FILE))?;
            let writing = database.begin_write()?;
            writing.open_table(ACCOUNTS)?;
            writing.open_table(DAYS)?;
            writing.commit()?;
            Ok(Self { database: Arc::new(database) })
        };
        open().map_err(|fault| format!("`stateDirectory` is `{}`: {fault}", directory.display()))
    }

    /// What the file holds now.
    pub(crate) fn reader(&self) -> Result<UsageReader, redb::Error> {
        UsageReader::of(&*self.database)
    }

    /// What the file holds now, for a compiler. A fault is logged: counting begins anew then.
    pub(crate) fn kept(&self) -> Option<Box<dyn KeptUsage>> {
        let reader = self.reader().map_err(|fault| tell_unreadable(&fault)).ok()?;
        Some(Box::new(reader))
    }

    /// Writes what has changed, all of it or nothing. What could not be written is put back.
    pub(crate) fn write(&self, changed: &mut ChangedUsage, today: u32) -> Result<(), redb::Error> {
        let mut taken = Vec::new();
        let written = self.write_taken(changed, &mut taken, today);
        if written.is_err() {
            while let Some((number, _)) = changed.take_next() {
                taken.push(number);
            }
            changed.put_back(&taken);
        }
        written
    }

    fn write_taken(
        &self,
        changed: &mut ChangedUsage,
        taken: &mut Vec<u32>,
        today: u32,
    ) -> Result<(), redb::Error> {
        if changed.is_empty() {
            return Ok(());
        }
        let writing = self.database.begin_write()?;
        {
            let mut accounts = writing.open_table(ACCOUNTS)?;
            let mut days = writing.open_table(DAYS)?;
            while let Some((number, usage)) = changed.take_next() {
                taken.push(number);
                write_one(&usage, &mut accounts, &mut days)?;
            }
            drop_old_days(&mut days, today)?;
        }
        writing.commit()?;
        Ok(())
    }
}

fn write_one(
    usage: &KeyUsage<'_>,
    accounts: &mut Table<'_, PlanAndKey<'static>, Account>,
    days: &mut Table<'_, DayPlanAndKey<'static>, Day>,
) -> Result<(), redb::Error> {
    let names = (usage.plan, usage.key);
    let old = accounts.get(names)?.map(|row| kept_of(row.value())).unwrap_or_default();
    let (Kept { quota, last }, over) = old.go_on(usage);
    let first = quota.first_period.map_or(0, |period| period.saturating_add(1));
    accounts.insert(names, (quota.period, quota.used, first, last.day, last.used, last.left))?;
    for DayLeft { day, used, left } in over {
        days.insert((day, usage.plan, usage.key), (used, left))?;
    }
    Ok(())
}

fn drop_old_days(days: &mut Table<'_, DayPlanAndKey<'static>, Day>, today: u32) -> Result<(), redb::Error> {
    let oldest = (today + 1).saturating_sub(DAYS_KEPT);
    for _ in 0..ROWS_DROPPED_AT_ONCE {
        let is_old = days.first()?.is_some_and(|(key, _)| key.value().0 < oldest);
        if !is_old {
            break;
        }
        days.pop_first()?;
    }
    Ok(())
}

fn kept_of((period, used, first, day, day_used, left): Account) -> Kept {
    Kept {
        quota: QuotaLevel { period, used, first_period: first.checked_sub(1) },
        last: DayLeft { day, used: day_used, left },
    }
}

fn tell_unreadable(fault: &dyn fmt::Display) {
    log(Severity::Error, "what keys have used cannot be read: counting begins anew", &[("reason", fault)]);
}

/// What the file held at one moment.
#[derive(Debug)]
pub(crate) struct UsageReader {
    has_failed: bool,
    accounts: ReadOnlyTable<PlanAndKey<'static>, Account>,
    days: ReadOnlyTable<DayPlanAndKey<'static>, Day>,
}

impl UsageReader {
    fn of(database: &impl ReadableDatabase) -> Result<Self, redb::Error> {
        let reading = database.begin_read()?;
        let (accounts, days) = (reading.open_table(ACCOUNTS)?, reading.open_table(DAYS)?);
        Ok(Self { has_failed: false, accounts, days })
    }

    /// Reads what a directory keeps, while no gateway runs that writes there.
    ///
    /// # Errors
    ///
    /// A sentence that names the directory.
    pub(crate) fn open(directory: &Path) -> Result<Self, String> {
        let file = directory.join(FILE);
        let read = || match ReadOnlyDatabase::open(&file) {
            Ok(database) => Self::of(&database),
            // It was not closed in order: to be read it must be repaired first.
            Err(DatabaseError::RepairAborted) => Self::of(&Database::open(&file)?),
            Err(fault) => Err(fault.into()),
        };
        let fault = match read() {
            Ok(reader) => return Ok(reader),
            Err(redb::Error::DatabaseAlreadyOpen) => {
                "another process has it open: a gateway that runs is asked through its `admin` listener"
                    .into()
            }
            Err(fault) => fault.to_string(),
        };
        Err(format!("`stateDirectory` is `{}`: {fault}", directory.display()))
    }

    /// What is told of a key in a plan: what is counted now, laid over what is kept. What cannot be
    /// read counts as nothing.
    pub(crate) fn row<'a>(&self, usage: KeyUsage<'a>, days: &Days, today: u32) -> UsageRow<'a> {
        let kept = self.kept(usage.plan, usage.key).ok().flatten().unwrap_or_default();
        UsageRow::of(usage, kept, (days, today), |day| self.day(day, usage.plan, usage.key))
    }

    /// What is kept of a key in a plan.
    pub(crate) fn kept(&self, plan: &str, key: &str) -> Result<Option<Kept>, redb::StorageError> {
        Ok(self.accounts.get((plan, key))?.map(|row| kept_of(row.value())))
    }

    fn day(&self, day: u32, plan: &str, key: &str) -> Option<DayLeft> {
        let row = self.days.get((day, plan, key)).ok()??;
        let (used, left) = row.value();
        Some(DayLeft { day, used, left })
    }
}

impl Kept {
    /// As a gateway counts on from it.
    pub(crate) const fn level(self) -> UsageLevel {
        let last = DayUse { day: self.last.day, used: self.last.used };
        UsageLevel { quota: self.quota, days: [DayUse { day: 0, used: 0 }, last] }
    }
}

impl KeptUsage for UsageReader {
    fn level(&mut self, plan: &str, key: &str) -> Option<UsageLevel> {
        match self.kept(plan, key) {
            Ok(kept) => kept.map(Kept::level),
            Err(fault) => {
                // Told once, not for every key.
                if !std::mem::replace(&mut self.has_failed, true) {
                    tell_unreadable(&fault);
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use postern_config::{ReadFailure, Surroundings};
    use postern_gateway::{Live, Now, State, compile};
    use tempfile::TempDir;

    use super::*;

    /// 2026-11-22.
    const TODAY: u32 = 20_779;

    /// One key in one plan, with a quota of 100 a month.
    struct Files;

    impl Surroundings for Files {
        fn read(&self, path: &Path) -> Result<Vec<u8>, ReadFailure> {
            let text: &str = match path.to_str() {
                Some("postern.yaml") => {
                    "{region: us-east-1, accountId: '123456789012', restApis: [
                        {id: a1, definition: api.json, stages: [{stageName: demo}]}],
                     publicListeners: [{listeners: [{address: '127.0.0.1:1'}]}],
                     apiKeys: [{name: checkout, value: a-key-of-twenty-characters}],
                     usagePlans: [{name: gold, quota: {limit: 100, period: MONTH}, apiKeys: [checkout],
                        apiStages: [{apiId: a1, stage: demo}]}]}"
                }
                _ => {
                    r#"{"openapi": "3.0.1", "info": {"title": "a", "version": "1"}, "paths": {"/": {"get": {
                        "x-amazon-apigateway-integration": {"type": "http_proxy", "uri": "http://a.example/"}}}}}"#
                }
            };
            Ok(text.into())
        }

        fn variable(&self, _: &str) -> Option<String> {
            None
        }
    }

    fn live(store: &UsageStore) -> Live {
        let outcome = postern_config::read("postern.yaml", &Files);
        let told: Vec<String> = outcome.problems.iter().map(ToString::to_string).collect();
        let configuration = outcome.configuration.unwrap_or_else(|| panic!("{told:?}"));
        let mut state = State::new([7; 32]);
        state.restore_from(store.kept());
        let now = Now { monotonic_nanoseconds: 0, epoch_milliseconds: 0 };
        Live::new(compile(configuration, None, &mut state).begin(now))
    }

    /// Leaves so many requests on a day, and writes that.
    fn leave(live: &Live, store: &UsageStore, day: u32, left: u64) {
        let moment = u64::from(day) * 86_400_000;
        live.current().set_remaining("gold", "checkout", left, moment).unwrap();
        store.write(&mut live.take_changed_usage(), day).unwrap();
    }

    fn left(store: &UsageStore, live: &Live, days: &Days) -> Vec<Option<u64>> {
        let house = live.current();
        let row = store.reader().unwrap().row(house.usage(0).unwrap(), days, *days.end());
        row.days.iter().map(|day| day.left).collect()
    }

    #[test]
    fn days_are_kept_for_so_long_and_then_dropped() {
        let folder = TempDir::new().unwrap();
        let store = UsageStore::open(folder.path()).unwrap();
        let live = live(&store);
        for day in TODAY - 100..=TODAY {
            leave(&live, &store, day, u64::from(day % 7));
        }
        let reader = store.reader().unwrap();
        let kept = |day: u32| reader.day(day, "gold", "checkout").is_some();
        let days: Vec<u32> = (0..=TODAY).filter(|day| kept(*day)).collect();
        // Today stands with the account.
        assert_eq!(days, (TODAY + 1 - DAYS_KEPT..TODAY).collect::<Vec<_>>());
        let days = TODAY - 2..=TODAY;
        let expected: Vec<_> = days.clone().map(|day| Some(u64::from(day % 7))).collect();
        assert_eq!(left(&store, &live, &days), expected);
    }

    #[test]
    fn another_process_goes_on_from_what_was_written() {
        let folder = TempDir::new().unwrap();
        let days = TODAY - 1..=TODAY;
        let store = UsageStore::open(folder.path()).unwrap();
        let before = live(&store);
        leave(&before, &store, TODAY - 1, 70);
        leave(&before, &store, TODAY, 30);
        let expected = [Some(70), Some(30)];
        assert_eq!(left(&store, &before, &days), expected);
        let level = before.current().usage(0).unwrap().level;
        drop(store);
        let store = UsageStore::open(folder.path()).unwrap();
        let after = live(&store);
        assert_eq!(left(&store, &after, &days), expected);
        assert_eq!(after.current().usage(0).unwrap().level.quota, level.quota);
        assert!(after.take_changed_usage().is_empty(), "nothing has changed since it was read");
    }

    #[test]
    fn what_could_not_be_written_is_written_the_next_time() {
        let folder = TempDir::new().unwrap();
        let store = UsageStore::open(folder.path()).unwrap();
        let live = live(&store);
        live.current().set_remaining("gold", "checkout", 5, u64::from(TODAY) * 86_400_000).unwrap();
        let mut changed = live.take_changed_usage();
        let (number, _) = changed.take_next().unwrap();
        assert!(live.take_changed_usage().is_empty());
        changed.put_back(&[number]);
        store.write(&mut live.take_changed_usage(), TODAY).unwrap();
        assert_eq!(store.reader().unwrap().kept("gold", "checkout").unwrap().unwrap().last.left, Some(5));
    }

    #[test]
    fn a_file_that_is_open_says_so() {
        let folder = TempDir::new().unwrap();
        let store = UsageStore::open(folder.path()).unwrap();
        let refused = UsageReader::open(folder.path()).unwrap_err();
        assert!(refused.ends_with("a gateway that runs is asked through its `admin` listener"), "{refused}");
        drop(store);
        assert_eq!(UsageReader::open(folder.path()).unwrap().kept("gold", "checkout").unwrap(), None);
    }
}
