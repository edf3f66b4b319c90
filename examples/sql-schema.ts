import { sqlSchema } from 'evertoken/sql';

// node --experimental-strip-types sql-schema.ts > migrations/0042_evertoken.sql
console.info(sqlSchema('postgres'));
