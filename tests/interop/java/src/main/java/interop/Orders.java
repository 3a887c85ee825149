package interop;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** How a program that runs until it is told to end is told so, and what it says meanwhile. */
final class Orders {
    private volatile boolean ended;

    /** Begins to watch standard input. */
    Orders() {
        Thread watch = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {
                    // there are no orders but the end
                }
            } catch (IOException e) {
                // nobody is there any more, which is the end as well
            }
            ended = true;
        });
        watch.setDaemon(true);
        watch.start();
    }

    boolean ended() {
        return ended;
    }

    /** Says a word and the rest of a line. */
    static void tell(String word, Object rest) {
        String line = word + " " + String.valueOf(rest).replace('\n', ' ');
        byte[] bytes = (line.substring(0, Math.min(line.length(), 1000)) + "\n").getBytes(StandardCharsets.UTF_8);
        synchronized (System.out) {
            System.out.write(bytes, 0, bytes.length);
            System.out.flush();
        }
    }
}
