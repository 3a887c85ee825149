package interop;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HashMap;
import java.util.Map;

/**
 * Hosts group members: runs them as standard input orders, until it ends.
 *
 * <pre>
 * BOOTSTRAP TOPIC GROUP PROTOCOL SESSION_MILLISECONDS
 * </pre>
 */
public final class Host {
    private Host() {
    }

    public static void main(String[] args) throws Exception {
        Map<String, Member> members = new HashMap<>();
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in));
        for (String line = orders.readLine(); line != null; line = orders.readLine()) {
            String[] words = line.split(" ");
            if (words[0].equals("join")) {
                Member member = new Member(words[1], args[0], args[1], args[2], args[3], args[4]);
                members.put(words[1], member);
                member.start();
            } else {
                members.get(words[1]).leave();
            }
        }
        members.values().forEach(Member::leave); // whoever gave the orders is gone
        for (Member member : members.values()) {
            member.join();
        }
    }
}
