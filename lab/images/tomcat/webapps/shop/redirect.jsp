<%--
    Sends the visitor to the shop's first page: by a path, as Tomcat does by default, or with `?absolute=1`
    by a whole URL made of what the application believes to be its own scheme, name and port.
--%><%
    String to = request.getContextPath() + "/index.jsp";
    if (request.getParameter("absolute") != null) {
        int port = request.getServerPort();
        boolean usual = port == (request.isSecure() ? 443 : 80);
        to = request.getScheme() + "://" + request.getServerName() + (usual ? "" : ":" + port) + to;
    }
    response.sendRedirect(to);
%>
