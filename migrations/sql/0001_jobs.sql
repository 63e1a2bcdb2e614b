-- A job that runs lets go of its queueing lock. Otherwise a job that shall run again (its provider was away, its worker
-- was killed) could not go back to the queue while the next one of its kind waits there, and would hang as running.
CREATE FUNCTION kgmem_jobs.kgmem_release_queueing_lock() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.queueing_lock := NULL;
    RETURN NEW;
END
$$;

CREATE TRIGGER kgmem_release_queueing_lock
    BEFORE UPDATE OF status ON kgmem_jobs.procrastinate_jobs
    FOR EACH ROW WHEN (OLD.status = 'todo' AND NEW.status = 'doing' AND NEW.queueing_lock IS NOT NULL)
    EXECUTE FUNCTION kgmem_jobs.kgmem_release_queueing_lock();
