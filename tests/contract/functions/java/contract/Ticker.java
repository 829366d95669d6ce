package contract;

/** Background work that notices when it did not run. */
final class Ticker extends Thread {
    volatile int ticks;
    volatile long largestGapMs;

    Ticker() {
        setDaemon(true);
    }

    @Override
    public void run() {
        long last = System.currentTimeMillis();
        while (true) {
            try {
                sleep(5);
            } catch (InterruptedException end) {
                return;
            }
            long now = System.currentTimeMillis();
            ticks++;
            largestGapMs = Math.max(largestGapMs, now - last);
            last = now;
        }
    }
}
