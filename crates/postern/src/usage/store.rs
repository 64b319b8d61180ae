//! The file that keeps what keys have used (TH-37).
//!
//! It is a redb: pure Rust, one file, and a write is there whole or not at all, whatever happens to the
//! process or the machine. One process at a time has it open.

use std::{fs, path::Path, sync::Arc};

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
        let told = |fault| log(Severity::Error, "what keys have used cannot be read", &[("reason", &fault)]);
        let reader = self.reader().map_err(told).ok()?;
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

/// What the file held at one moment.
#[derive(Debug)]
pub(crate) struct UsageReader {
    accounts: ReadOnlyTable<PlanAndKey<'static>, Account>,
    days: ReadOnlyTable<DayPlanAndKey<'static>, Day>,
}

impl UsageReader {
    fn of(database: &impl ReadableDatabase) -> Result<Self, redb::Error> {
        let reading = database.begin_read()?;
        Ok(Self { accounts: reading.open_table(ACCOUNTS)?, days: reading.open_table(DAYS)? })
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
        let kept = self.kept(usage.plan, usage.key).unwrap_or_default();
        UsageRow::of(usage, kept, (days, today), |day| self.day(day, usage.plan, usage.key))
    }

    /// What is kept of a key in a plan.
    pub(crate) fn kept(&self, plan: &str, key: &str) -> Option<Kept> {
        let row = self.accounts.get((plan, key)).ok()??;
        Some(kept_of(row.value()))
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
        self.kept(plan, key).map(Kept::level)
    }
}
